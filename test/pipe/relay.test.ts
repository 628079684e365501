/**
 * A stage in the middle of a pipe, between real processes in a real shell: whoever of the three is killed, and wherever, each
 * event arrives once. Not tested here: several outputs.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { READER_STEPS, WRITER_STEPS } from '../../src/pipe/step.js'
import { each, shell } from '../support/shell.js'

t.jobs = 1

/** The numbers stored, in the order stored. */
function stored(directory: string, journal = 'j'): number[] {
  return fs.readFileSync(join(directory, journal), 'utf8').split('\n').filter(Boolean).flatMap((batch) => {
    const { lines } = JSON.parse(batch) as { lines: string }
    return lines.split('\n').filter(Boolean).map((line) => Number((JSON.parse(line) as { body: string }).body.split(' ')[1]))
  })
}

const upTo = (count: number, step = 1): number[] => Array.from({ length: count / step }, (_, n) => n * step)
const twice = (numbers: number[]): number[] => numbers.flatMap((n) => [n, n])

/** What is done for each batch is killed at the third. */
function withNth(step: string): string {
  return /written|ack|settled|batch/.test(step) ? `${step}:3` : step
}

let made = 0
function place(base: string): string {
  const directory = join(base, String(made++))
  fs.mkdirSync(directory)
  return directory
}

t.test('however a shell joins the stages, and whatever becomes of an event, acks and positions go through', async (t) => {
  const base = t.testdir({})
  const lines: Record<string, number[]> = {
    'flume-count 3000 | flume-pass | flume-store j': upTo(3000),
    'flume-count 3000 | flume-pass | flume-pass --drop | flume-pass --double | flume-store j': twice(upTo(3000, 2)),
    'flume-count 3000 --batch 1 | flume-pass --drop | flume-store j': upTo(3000, 2),
    'flume-count 3000 | flume-pass | flume-store --no-keep j': upTo(3000),
    'for i in 1 2 3; do flume-count $((i*1000)); done | flume-pass | flume-store j': upTo(3000),
    "flume-count 3000 | flume-pass | sh -c 'sleep 1; exec flume-store j'": upTo(3000),
    "sh -c 'sleep 1; exec flume-count 3000' | flume-pass | flume-store j": upTo(3000),
    'flume-store j < <(flume-pass < <(flume-count 3000))': upTo(3000),
    'mkfifo f; flume-pass < f | flume-store j & flume-count 3000 > f; wait': upTo(3000),
    'flume-count 200000 --batch 1000 | flume-pass | flume-store j': upTo(200_000),
    'flume-count 0 | flume-pass | flume-store j': [],
    'seq -f "{\\"body\\":\\"old %.0f\\"}" 0 199 | flume-pass | flume-store j': upTo(200),
    '{ seq -f "{\\"body\\":\\"old %.0f\\"}" 0 199; flume-count 300; } | flume-pass | flume-store j': [...upTo(200), ...upTo(300)],
    'flume-count 3000 | flume-pass | flume-store j; flume-count 4000 | flume-pass | flume-store j': upTo(4000),
  }
  await each(Object.keys(lines), 3, async (line) => {
    const directory = place(base)
    const ran = await shell(`${line}; echo "\${PIPESTATUS[*]}"`, directory)
    t.match(ran.out, /^0( 0)*\n$/, `${line}\n${ran.err}`)
    t.strictSame(stored(directory), lines[line], `${line}\n${ran.err}`)
  })
})

t.test('before a program that gives no acks all stages end at once, and nothing is remembered', async (t) => {
  const directory = t.testdir({})
  const lines: Record<string, [out: string, statuses: string]> = {
    'flume-count 3 | flume-pass | jq -r .body': ['n 0\nn 1\nn 2\n', '0 0 0'],
    'flume-count 3 | flume-pass | flume-pass | cat': ['{"body":"n 0"}\n{"body":"n 1"}\n{"body":"n 2"}\n', '0 0 0 0'],
    'flume-count 1000000 --follow | flume-pass | head -1': ['{"body":"n 0"}\n', '141 141 0'],
    'flume-count 3 | flume-pass > out': ['', '0 0'],
    'seq 3 | flume-pass | cat': ['1\n2\n3\n', '0 0 0'],
  }
  for (const [line, [out, statuses]] of Object.entries(lines)) {
    const ran = await shell(`${line}; echo "\${PIPESTATUS[*]}"`, directory)
    t.equal(ran.out, `${out}${statuses}\n`, `${line}\n${ran.err}`)
  }
  const { err } = await shell('flume-count 3 | flume-pass | jq . >/dev/null', directory)
  t.match(err, /^flume-pass: no acks from the reader \(jq, pid \d+\): nothing is remembered/m)
  t.match(err, /^flume-count: no acks from the reader \(flume-pass, pid \d+\): nothing is remembered/m)
  const required = await shell('flume-count 3 --ack=require | flume-pass | jq . >/dev/null; echo "${PIPESTATUS[0]}"', directory)
  t.equal(required.out, '75\n', required.err)
})

t.test('a stage in the middle killed at any step leaves nothing twice and nothing missing, in the next run and in the same pipe', async (t) => {
  const base = t.testdir({})
  const steps = [...WRITER_STEPS.filter((step) => step !== 'early'), ...READER_STEPS]
  await each(steps.map(withNth), 3, async (at) => {
    const killed = `FLUME_KILL_AT=flume-pass:${at} flume-pass`
    const next = place(base)
    const first = await shell(`flume-count 2000 | ${killed} | flume-store j; flume-count 2000 | flume-pass | flume-store j`, next)
    t.strictSame(stored(next), upTo(2000), `next run after ${at}\n${first.err}`)
    const same = place(base)
    const second = await shell(`flume-count 2000 | { ${killed}; flume-pass; } | flume-store j; flume-count 2000 | flume-pass | flume-store j`, same)
    t.strictSame(stored(same), upTo(2000), `same pipe after ${at}\n${second.err}`)
  })
})

t.test('a neighbour of it killed at any step leaves nothing twice and nothing missing, in the next run and in the same pipe', async (t) => {
  const base = t.testdir({})
  const writers = WRITER_STEPS.map((step) => ['flume-count', step] as const)
  const readers = READER_STEPS.map((step) => ['flume-store', step] as const)
  await each([...writers, ...readers], 3, async ([stage, step]) => {
    const again = 'flume-count 2000 | flume-pass | flume-store j'
    const killed = (command: string): string => (command.startsWith(stage) ? `{ FLUME_KILL_AT=${stage}:${withNth(step)} ${command}; ${command}; }` : command)
    const directory = place(base)
    const { err } = await shell(`${killed('flume-count 2000')} | flume-pass | ${killed('flume-store j')}; ${again}`, directory)
    t.strictSame(stored(directory), upTo(2000), `${stage} killed at ${step}\n${err}`)
  })
})
