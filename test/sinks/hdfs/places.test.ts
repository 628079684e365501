/** What is in one directory may be of several buckets: each goes on behind its own files, whatever else lies there. */
import { readdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { SinkOptions } from '../../../src/sinks/hdfs/sink.js'
import { Sinking, filesBelow, frame, optionsOf } from '../../support/sinking.js'

const HOURS = [0, 1].map((hour) => ({ timestamp: String(Date.UTC(2026, 10, 30, hour)) }))

/** Events 0 to 8 go to the first bucket, 9 to 19 to the second one. */
const events = (headers: readonly [object, object]): ReturnType<typeof frame>[] =>
  headers.map((one, n) => frame(9 * n, Array.from({ length: 9 + 2 * n }, (_, k) => ({ headers: one as Record<string, string>, body: `line ${9 * n + k}` }))))

/** It ends when the second bucket has its file in place; the first one has none, and nothing is acked. */
async function killed(t: Test, dir: string, headers: readonly [object, object], more: Partial<SinkOptions>): Promise<void> {
  async function* cut(): AsyncGenerator<ReturnType<typeof frame>> {
    yield* events(headers)
    while (!readdirSync(dir, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('.log'))) await setImmediate()
    throw new Error('killed')
  }
  t.match(await new Sinking(optionsOf(dir, { ...more, rollCount: 10, spool: join(dir, 'spool') }), cut()).ended, { message: 'killed' })
}

/** All lines, once the same events came again. */
async function linesAfter(t: Test, dir: string, headers: readonly [object, object], more: Partial<SinkOptions>): Promise<string[]> {
  const sinking = new Sinking(optionsOf(dir, { ...more, spool: join(dir, 'spool') }), events(headers))
  t.equal(await sinking.ended, undefined)
  return Object.values(await filesBelow(join(dir, 'out'))).flatMap((text) => text.split('\n').slice(0, -1)).toSorted()
}

const ALL = Array.from({ length: 20 }, (_, n) => `line ${n}`).toSorted()

t.test('two names of one directory', async (t) => {
  const dir = t.testdir({ out: { web1: {}, www: t.fixture('symlink', 'web1') } })
  const headers = [{ host: 'web1' }, { host: 'www' }] as const
  await killed(t, dir, headers, { path: `${dir}/out/%{host}` })
  t.same(await linesAfter(t, dir, headers, { path: `${dir}/out/%{host}` }), ALL)
  t.same(await linesAfter(t, dir, headers, { path: `${dir}/out/%{host}` }), ALL, 'and once')
})

t.test('two names of one directory, of which both are filled at once', async (t) => {
  const dir = t.testdir({ out: { web1: {} } })
  symlinkSync('web1', join(dir, 'out/www'))
  const both = Array.from({ length: 10 }, (_, n) => ({ headers: { host: n % 2 === 0 ? 'web1' : 'www' }, body: `line ${n}` }))
  const sinking = new Sinking(optionsOf(dir, { path: `${dir}/out/%{host}`, spool: join(dir, 'spool') }), [frame(0, both)])
  t.equal(await sinking.ended, undefined)
  t.equal(readdirSync(join(dir, 'out/web1')).length, 2)
})

t.test('by another time zone the same directory has other events', async (t) => {
  const dir = t.testdir({})
  const headers = [HOURS[0]!, HOURS[1]!] as const
  await killed(t, dir, headers, { path: `${dir}/out/%H`, timeZone: 'UTC' })
  const lines = await linesAfter(t, dir, headers, { path: `${dir}/out/%H`, timeZone: 'Africa/Algiers' }) // an hour ahead
  t.same([...new Set(lines)], ALL)
})

t.test('a file that was moved into the directory of another bucket', async (t) => {
  const dir = t.testdir({})
  const headers = [HOURS[1]!, HOURS[0]!] as const
  await killed(t, dir, headers, { path: `${dir}/out/%H`, timeZone: 'UTC' })
  for (const name of readdirSync(join(dir, 'out/00'))) renameSync(join(dir, 'out/00', name), join(dir, 'out/01', name))
  t.same(await linesAfter(t, dir, headers, { path: `${dir}/out/%H`, timeZone: 'UTC' }), ALL)
})

t.test('a tree that was moved, with its path, goes on where it was', async (t) => {
  const dir = t.testdir({})
  const headers = [{ host: 'a' }, { host: 'b' }] as const
  await killed(t, dir, headers, { path: `${dir}/before/%{host}` })
  renameSync(join(dir, 'before'), join(dir, 'out'))
  t.same(await linesAfter(t, dir, headers, { path: `${dir}/out/%{host}` }), ALL)
})
