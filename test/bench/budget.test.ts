/**
 * What each stage takes of the processor for a MB of log, its start left out, beside what a reference takes in the same
 * minute: cat, tee and cat of the same bytes, and JSON of some of its lines. No seconds: these are those of a machine and an hour.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { shell } from '../support/shell.js'
import { writeSample } from './lines.js'

/** Of the reference, as it was on Node 20 when last looked at; half as much again is room for other machines, and for no more than that. */
const BUDGET = { tail: 0.4, buffer: 0.95, sink: 0.6 }
const ROOM = 1.5
const BYTES = 60_000_000
/** What takes least is what it takes; on a machine that is busy it is seen late. */
const [ROUNDS, ROUNDS_MAX] = [3, 12]

type Stage = keyof typeof BUDGET
const STAGES = Object.keys(BUDGET) as Stage[]

const timed = (name: string, command: string): string => `{ time ${command} 2>/dev/null; } 2>${name}.time`
const LINE = [timed('tail', 'flume-tail --once "$F"'), timed('buffer', 'flume-buffer q'), timed('sink', 'flume-sink-hdfs --path "file://$PWD/out"')].join(' | ')
const JSON_LOOP = `
  const lines = require('node:fs').readFileSync(process.env.F, 'latin1').split('\\n', 40_000)
  for (const line of lines) JSON.parse(JSON.stringify({ headers: { host: 'h' }, body: line }))`
const REFERENCE = `{ time { cat "$F" | tee q | cat >out; node -e "$LOOP"; }; } 2>reference.time`

t.test('a stage takes no more of the processor than half as much again as when that was last looked at', async (t) => {
  const directory = t.testdir({ empty: '' })
  await writeSample(join(directory, 'log'), BYTES, undefined)

  /** s of the processor, of each part that `line` times. */
  async function run(line: string, file: string, parts: readonly string[]): Promise<number[]> {
    for (const name of ['q', 'out', '.local']) fs.rmSync(join(directory, name), { recursive: true, force: true })
    const env = { F: join(directory, file), LOOP: JSON_LOOP, TIMEFORMAT: '%U %S' }
    const { status, err } = await shell(line, directory, env)
    t.equal(status, 0, `it runs: ${err}`)
    return parts.map((part) => sum(fs.readFileSync(join(directory, `${part}.time`), 'utf8').trim().split(' ').map(Number)))
  }

  const least = { start: never(), whole: never(), reference: Infinity }
  const ratioOf = (stage: Stage): number => (least.whole[stage] - least.start[stage]) / least.reference
  const over = (): Stage[] => STAGES.filter((stage) => ratioOf(stage) > BUDGET[stage] * ROOM)
  for (let round = 0; round < ROUNDS || (round < ROUNDS_MAX && over().length > 0); round++) {
    lower(least.start, await run(LINE, 'empty', STAGES))
    lower(least.whole, await run(LINE, 'log', STAGES))
    least.reference = Math.min(least.reference, ...(await run(REFERENCE, 'log', ['reference'])))
  }
  t.comment(STAGES.map((stage) => `${stage} ${ratioOf(stage).toFixed(2)}`).join(', '))
  t.strictSame(over(), [])
})

const never = (): Record<Stage, number> => ({ tail: Infinity, buffer: Infinity, sink: Infinity })
const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0)

function lower(least: Record<Stage, number>, seconds: readonly number[]): void {
  for (const [n, stage] of STAGES.entries()) least[stage] = Math.min(least[stage], seconds[n]!)
}
