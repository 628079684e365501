/** The lines of flume-route(1), EXAMPLES, as they stand there, but for --once: each ends with 0, and every event is where it should be. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { examplesOf } from '../support/examples.js'
import { each, shell } from '../support/shell.js'

const examples = examplesOf('flume-route.1').flatMap((example) => example.replaceAll(/ \\\n +/g, ' ').split('\n'))
const COUNT = 30
const lines = Array.from({ length: COUNT }, (_, n) => `{"level":"${n % 3 === 0 ? 'ERROR' : 'INFO'}","n":${n}}`)
const ALL = Array.from({ length: COUNT }, (_, n) => n)
const isError = (n: number): boolean => n % 3 === 0

/** By what stands in the line: sets of queues that together have these, once each. */
const EXPECTED: readonly (readonly [string, Record<string, readonly number[]>])[] = [
  ["./all' --when 'level=ERROR'", { all: ALL, errors: ALL.filter(isError) }],
  ["./all' --when '.~", { all: ALL, errors: ALL.filter(isError) }],
  ["'flume-buffer ./q1'", { q1: ALL, q2: ALL }],
  ['region=eu', { 'eu us rest': ALL, rest: ALL }],
  ['hash:file', { 'a b': ALL }],
  ['round-robin', { a: ALL.filter((n) => n % 2 === 0), b: ALL.filter((n) => n % 2 === 1) }],
  ['--failover', { 'disk1/q': ALL }],
  ['--input', { q: [...ALL, ...ALL] }],
  ['--balance random', { errors: ALL.filter(isError), 'a b': ALL.filter((n) => !isError(n)) }],
  ['--optional', { q: ALL, copy: ALL }],
  ['gzip', { q: ALL }],
]

t.test('each example of the man page does what it says', async (t) => {
  t.equal(examples.length, EXPECTED.length)
  const base = t.testdir({})
  await each([...examples.entries()], 2, async ([index, line]) => {
    const directory = join(base, String(index))
    mkdirSync(join(directory, 'disk1'), { recursive: true })
    mkdirSync(join(directory, 'disk2'))
    for (const name of ['app.log', 'other.log']) writeFileSync(join(directory, name), `${lines.join('\n')}\n`)
    const { out, err } = await shell(`${line.replaceAll('flume-tail ', 'flume-tail --once ')}; echo "\${PIPESTATUS[*]}"`, directory)
    t.match(out, /^0( 0)?\n$/, `${line}\n${err}`)
    const expected = EXPECTED.find(([part]) => line.includes(part))
    t.ok(expected, line)
    for (const [queues, numbers] of Object.entries(expected?.[1] ?? {})) {
      const stored = await Promise.all(queues.split(' ').map((queue) => shell(`flume-buffer --export ${queue} | jq -r .body | jq .n`, directory)))
      const found = stored.flatMap(({ out }) => out.split('\n').filter(Boolean).map(Number))
      t.same(found.sort((a, b) => a - b), [...numbers].sort((a, b) => a - b), `${queues}: ${line}`)
    }
    if (line.includes('gzip')) t.equal((await shell('zcat copy.gz | wc -l', directory)).out.trim(), String(COUNT))
  })
})
