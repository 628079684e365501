/** What a stage in this process says of itself, and what is shown of it. */
import t, { type Test } from 'tap'
import { systemClock } from '../../src/events/flow.js'
import { askAll } from '../../src/stat/ask.js'
import { exposition } from '../../src/stat/exposition.js'
import { only } from '../../src/stat/lines.js'
import { aboutText, type FlowStat, type StageStat } from '../../src/stat/report.js'
import { serveStat } from '../../src/stat/serve.js'

const UID = process.getuid!()

function stageOf(about: readonly string[], flows: readonly FlowStat[] = []): StageStat {
  return { command: 'flume-tail', pid: process.pid, uid: UID, started: 0, about, rejects: 3, flows }
}

/** What comes of it when all stages are asked. */
async function asked(t: Test, stage: StageStat): Promise<StageStat | undefined> {
  const close = await serveStat(process.pid, UID, Date.now(), () => Promise.resolve(stage))
  t.teardown(close)
  const { stages } = await askAll(UID, 10_000, systemClock)
  close()
  return stages.find(({ pid }) => pid === process.pid)
}

t.test('a stage is shown however many files it is about, and found by each of them, or by the first where they are very many', async (t) => {
  const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `/var/log/${'long'.repeat(30)}/${n}.log`)
  for (const count of [1, 10_000, 40_000]) {
    const stage = await asked(t, stageOf(names(count)))
    t.ok(stage, `${count} files`)
    const last = names(count)[Math.min(count, 25_000) - 1]!
    t.equal(only({ stages: [stage!], silent: [], hidden: 0 }, [last], '/').stages.length, 1, `${count} files`)
    t.ok(exposition({ stages: [stage!], silent: [], hidden: 0 }).length < 10_000)
  }
})

t.test('of a name that is too long to be shown its beginning is', (t) => {
  const long = `/${'a'.repeat(1200)}`
  t.equal(aboutText([long]), `${long.slice(0, 996)}...`)
  t.equal(aboutText([long, '/b']), `${long.slice(0, 996)}... and 1 more`)
  t.equal(aboutText(['/b', long, '/c']), '/b and 2 more')
  t.equal(aboutText([]), '')
  t.match(exposition({ stages: [stageOf([long])], silent: [], hidden: 0 }), `about="${long.slice(0, 996)}..."`)
  t.end()
})

t.test('a queue, or a file, is found by its whole name, whatever blanks are in it', (t) => {
  const answers = { stages: [stageOf(['/home/my q', '/home/b'])], silent: [], hidden: 0 }
  const found = (name: string): boolean => only(answers, [name], '/home').stages.length > 0
  t.ok(found('./my q'))
  t.ok(found('b'))
  t.notOk(found('my'))
  t.end()
})

t.test('as metrics: what a stage counts as a whole is there once, what its places count once for each', (t) => {
  const flow = { events: 1, bytes: 2, rate: 0, byteRate: 0, unacked: 0, lagSeconds: 0, waits: 'events' }
  const stage = stageOf(['a b', 'c'], [{ ...flow, role: 'input' }, { ...flow, role: 'output', name: 'x' }, { ...flow, role: 'output', name: 'y' }])
  const rows = exposition({ stages: [stage], silent: [], hidden: 0 }).split('\n').filter((row) => !row.startsWith('#'))
  const about = `pid="${process.pid}",uid="${UID}"`
  t.same(rows.filter((row) => row.startsWith('flume_rejects_total')), [`flume_rejects_total{command="flume-tail",${about},about="a b c"} 3`])
  t.equal(rows.filter((row) => row.startsWith('flume_events_total')).length, 3)
  t.match(rows, [/^flume_stage_up\{/])
  t.end()
})
