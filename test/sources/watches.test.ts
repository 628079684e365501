/** What is watched, and remembered, of directories that come and go: as much as of those that are there. */
import * as fs from 'node:fs'
import t from 'tap'
import { nodeDisk } from '../../src/disk/node.js'
import { notice } from '../../src/disk/notice.js'
import { Logs } from '../../src/sources/logs.js'
import { Partition } from '../../src/sources/partition.js'
import { Names } from '../../src/sources/watch.js'
import { Watches, type Notice } from '../../src/sources/watches.js'
import { FakeClock } from '../support/clock.js'
import { Tailing } from '../support/tailing.js'

/** What is watched now, by directory, to be given notice of. */
function watched(): { readonly live: Map<string, Parameters<Notice>[1]>; readonly begun: string[]; readonly notice: Notice } {
  const live = new Map<string, Parameters<Notice>[1]>()
  const begun: string[] = []
  return {
    live, begun,
    notice(directory, changed) {
      begun.push(directory)
      live.set(directory, changed)
      return () => void live.delete(directory)
    },
  }
}

t.test('a directory in which no file can match any more is not watched any more', async (t) => {
  const directory = t.testdir({ e: {} })
  const { live, notice } = watched()
  const tailing = new Tailing([`${directory}/e/*/app.log`], undefined, {}, { notice })
  await tailing.start({ kind: 'plain' })
  for (let round = 0; round < 3; round++) {
    const one = `${directory}/e/r${round}`
    fs.mkdirSync(one)
    fs.writeFileSync(`${one}/app.log`, `line ${round}\n`)
    for (let passed = 0; passed < 3; passed++) await tailing.pass(1000)
    t.same([...live.keys()].toSorted(), [`${directory}/e`, one])
    fs.renameSync(`${one}/app.log`, `${one}/app.log.1`)
    await tailing.pass(1000)
    t.ok(live.has(one), 'where it was rotated a new one may come at any moment')
    fs.rmSync(one, { recursive: true })
    for (let passed = 0; passed < 15; passed++) await tailing.pass(1000)
    t.same([...live.keys()], [`${directory}/e`])
  }
  t.equal(tailing.bodies.length, 3)
  await tailing.close()
  t.equal(live.size, 0)
})

t.test('one that is removed, or renamed, is told so under its own name', async (t) => {
  for (const leave of [fs.rmdirSync, (path: string): void => fs.renameSync(path, `${path}-`)]) {
    const directory = t.testdir({ d: {} })
    let end: (() => void) | undefined
    const told = new Promise((resolve) => (end = notice(`${directory}/d`, (...what) => resolve(what))))
    const alive = setInterval(() => undefined, 1000) // the watch alone does not keep a process
    leave(`${directory}/d`)
    t.same(await told, ['entries', 'd'])
    clearInterval(alive)
    end?.()
  }
})

t.test('one that was made again under its name is watched anew, the others go on', async (t) => {
  const { live, begun, notice } = watched()
  const watches = new Watches(notice)
  const told: unknown[] = []
  const keep = (): void => watches.keep(new Set(['/d/a', '/d/b']), (...what) => void told.push(what))
  keep()
  live.get('/d/a')!('bytes', 'a')
  live.get('/d/a')!('entries', 'b')
  keep()
  t.same(begun, ['/d/a', '/d/b'])
  live.get('/d/a')!('entries', 'a')
  keep()
  keep()
  t.same(begun, ['/d/a', '/d/b', '/d/a'])
  t.same(told, [['/d/a', 'bytes', 'a'], ['/d/a', 'entries', 'b'], ['/d/a', 'entries', 'a']])
  watches.close()
  t.equal(live.size, 0)
})

t.test('a file in a directory that was removed and made again is read at a notice', async (t) => {
  const directory = t.testdir({ e: { a: { 'app.log': '1\n' } } })
  const clock = new FakeClock()
  const tailing = new Tailing([`${directory}/e/*/app.log`], clock, { times: { poll: 1e9, pollIdle: 1e9, settle: 1e9, young: 0, multiline: 1e9, hold: 1e9, forget: 1e9 } }, { notice })
  const alive = setInterval(() => undefined, 1000)
  const seen = async (count: number): Promise<void> => {
    while (tailing.bodies.length < count) await new Promise((resolve) => setImmediate(resolve))
  }
  await tailing.start({ kind: 'plain' })
  fs.rmSync(`${directory}/e/a`, { recursive: true })
  fs.mkdirSync(`${directory}/e/a`)
  fs.writeFileSync(`${directory}/e/a/app.log`, '2\n')
  await seen(2)
  fs.appendFileSync(`${directory}/e/a/app.log`, '3\n')
  await seen(3)
  t.same(tailing.bodies, ['1', '2', '3'])
  clearInterval(alive)
  await tailing.close()
})

t.test('of files that match no more nothing is remembered: not that they could not be read, nor where they lay', async (t) => {
  const directory = t.testdir({ real: { a: 'line\n', b: 'line\n' }, a: t.fixture('symlink', 'real/a'), bad: 'line\n' })
  const names = new Names([], nodeDisk, new FakeClock(), () => undefined)
  const disk = { ...nodeDisk, open: async (path: string) => (path.endsWith('bad') ? Promise.reject(new Error('no')) : nodeDisk.open(path, 'read')) }
  const logs = new Logs(disk, names, 10)
  const path = `${directory}/a`
  const paths = new Set([path, `${directory}/bad`])
  const seen = async (): Promise<void> => {
    for (const path of paths) {
      const opened = await logs.match(path, true)
      if (typeof opened === 'object') await opened.file.close()
    }
  }
  await seen()
  fs.rmSync(path)
  fs.symlinkSync('real/b', path)
  await seen()
  const held = new Partition('held', path)
  logs.keep(paths, [Object.assign(held, { file: {} })])
  t.same([...logs.paths], [[`${directory}/real/a`, path], [`${directory}/real/b`, path]], 'a file that is held open is still where it was')
  logs.keep(paths, [])
  t.same([...logs.paths], [[`${directory}/real/b`, path]])
  t.same([[...logs.targets], [...logs.unreadable]], [[[path, `${directory}/real/b`]], [`${directory}/bad`]])
  logs.keep([], [])
  t.same([logs.paths.size, logs.targets.size, logs.unreadable.size], [0, 0, 0])
})
