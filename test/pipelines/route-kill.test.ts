/**
 * flume-route and its outputs under kill -9: a random stage at a random moment, again and again, while the log is appended
 * to and rotated. A source or router that is killed takes the line with it, which is typed again; an output that is killed
 * is started again by the router. In the end each numbered line is in each queue that should have it, exactly once.
 * FLUME_KILLS and FLUME_SEED choose how often and which; `npm run prove` kills more.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { NOTHING_WRONG, NumberedLog, randomOf } from '../support/numbered-log.js'
import { pause, Running } from '../support/running.js'
import { shell } from '../support/shell.js'

const KILLS = Number(process.env.FLUME_KILLS ?? 12)
const SEED = Number(process.env.FLUME_SEED ?? Date.now() % 1_000_000)
const VICTIMS = ['flume-tail', 'flume-route', 'flume-buffer', 'flume-buffer', 'flume-buffer'] as const
const ROUTE = String.raw`flume-route --to 'flume-buffer all' --when '. ~ "^line \\d*7 "' --to 'flume-buffer sevens' --otherwise 'flume-buffer rest'`

t.test(`${KILLS} kills of source, router and outputs leave each event once in each queue (seed ${SEED})`, { timeout: 3_600_000 }, async (t) => {
  const directory = t.testdir({})
  const pick = randomOf(SEED)
  const log = new NumberedLog(directory, pick)
  log.append(1000)
  let line: Running | undefined
  for (let kill = 0; kill < KILLS; kill++) {
    line ??= Running.start(t, `flume-tail 'app.log*' | ${ROUTE}`, directory)
    const victim = VICTIMS[pick(VICTIMS.length)]!
    const moment = Date.now() + pick(1200)
    for (;;) {
      log.append(pick(300))
      if (pick(8) === 0) log.rotate()
      if (Date.now() >= moment) break
      await pause(pick(40))
    }
    line.killStage(victim, pick)
    if (victim === 'flume-buffer') continue
    if (!t.ok(await line.falls(), `the line falls when ${victim} is killed`)) break
    line = undefined
  }
  line?.kill('SIGKILL')
  await line?.ended
  const last = await shell(`flume-tail --once 'app.log*' | ${ROUTE}; echo "\${PIPESTATUS[*]}"`, directory)
  t.equal(last.out, '0 0\n', last.err)
  const isSeven = (text: string): boolean => /^line \d*7 /.test(text)
  const all = await bodies('all', directory)
  const sevens = await bodies('sevens', directory)
  const rest = await bodies('rest', directory)
  t.strictSame(log.tally(all), NOTHING_WRONG, readFileSync(join(directory, 'err'), 'utf8').slice(-4000))
  t.strictSame(log.tally([...sevens, ...rest]), NOTHING_WRONG, readFileSync(join(directory, 'err'), 'utf8').slice(-4000))
  t.ok(sevens.every(isSeven) && !rest.some(isSeven))
})

async function bodies(queue: string, directory: string): Promise<string[]> {
  const { out } = await shell(`flume-buffer --export ${queue} | jq -r .body`, directory)
  return out.split('\n').filter(Boolean)
}
