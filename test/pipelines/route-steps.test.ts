/**
 * flume-route and its outputs killed at each step of the pipe at which one may die, flume-pipe(7): what the outputs have
 * stored in the end, each event once and in order. The source and the outputs are those of test/support/bin.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { READER_STEPS, WRITER_STEPS, type PipeStep } from '../../src/pipe/step.js'
import { each, shell } from '../support/shell.js'

const COUNT = 2000
const ODD = '. ~ "[13579]$"'
const ALL = Array.from({ length: COUNT }, (_, n) => n)
const EXPECTED = { a: ALL, b: ALL, odd: ALL.filter((n) => n % 2 === 1) }

/** The numbers stored in a journal, in the order stored. */
function stored(directory: string): Record<string, number[]> {
  const numbers = (name: string): number[] =>
    fs.readFileSync(join(directory, name), 'utf8').split('\n').filter(Boolean).flatMap((batch) =>
      (JSON.parse(batch) as { lines: string }).lines.split('\n').filter(Boolean).map((line) => Number((JSON.parse(line) as { body: string }).body.split(' ')[1])))
  return { a: numbers('a'), b: numbers('b'), odd: numbers('odd') }
}

/** `b`: the command of the second output. */
const route = (b: string): string => `flume-route --to 'flume-store a' --to '${b}' --when '${ODD}' --to 'flume-store odd'`

/** In the middle of the flow where there is one. */
function at(step: PipeStep): string {
  return `${step}:${/batch|mark|ack|settled/.test(step) ? 4 : 1}`
}

t.test('killed at any step, it leaves nothing twice and nothing missing in any output', async (t) => {
  const base = t.testdir({})
  const cases = [...WRITER_STEPS, ...READER_STEPS].map(at)
  await each(cases, 3, async (place) => {
    const directory = join(base, place)
    fs.mkdirSync(directory)
    const killed = await shell(`flume-count ${COUNT} | FLUME_KILL_AT=flume-route:${place} ${route('flume-store b')}; echo "\${PIPESTATUS[*]}"`, directory)
    const again = await shell(`flume-count ${COUNT} | ${route('flume-store b')}; echo "\${PIPESTATUS[*]}"`, directory)
    t.equal(again.out, '0 0\n', again.err)
    t.strictSame(stored(directory), EXPECTED, `${place}\n${killed.err}\n${again.err}`)
    t.notMatch(killed.err + again.err, / twice/)
  })
})

t.test('an output killed at any step is started again, and has nothing twice and nothing missing', async (t) => {
  const base = t.testdir({})
  const cases = READER_STEPS.map(at)
  await each(cases, 3, async (place) => {
    const directory = join(base, place)
    fs.mkdirSync(directory)
    const once = `mkdir once 2>/dev/null && export FLUME_KILL_AT=flume-store:${place}; exec flume-store b`
    const ran = await shell(`flume-count ${COUNT} | ${route(once)}; echo "\${PIPESTATUS[*]}"`, directory)
    t.equal(ran.out, '0 0\n', `${place}\n${ran.err}`)
    t.strictSame(stored(directory), EXPECTED, `${place}\n${ran.err}`)
  })
})
