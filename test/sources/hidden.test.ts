/** What nobody can look at is not gone: it is said once, the others are read, and its reading goes on where it stood once it can be seen. */
import * as fs from 'node:fs'
import { basename, dirname } from 'node:path'
import t from 'tap'
import type { Disk } from '../../src/disk/disk.js'
import { nodeDisk } from '../../src/disk/node.js'
import { Tailing, type Sent } from '../support/tailing.js'
import { unmounting } from '../support/unmounting.js'

const CODE = 'EIO'
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`)
const text = (from: number, to: number): string => numbers(from, to).map((line) => `${line}\n`).join('')

/** A disk that fails for all below directories of this name, and for what is in them with `into`, while `shut` says so. */
function shutting(name: string, shut: () => boolean, into: boolean): Disk {
  const check = (directory: string): void => {
    if (shut() && basename(directory) === name) throw Object.assign(new Error('no'), { code: CODE })
  }
  const guard = <Args extends unknown[], R>(call: (path: string, ...args: Args) => R) => (path: string, ...args: Args): R => {
    if (into) check(dirname(path))
    return call(path, ...args)
  }
  return {
    ...nodeDisk,
    list: async (directory) => (check(directory), nodeDisk.list(directory)),
    stat: async (path) => guard(nodeDisk.stat)(path),
    lstat: async (path) => guard(nodeDisk.lstat)(path),
    open: async (path, mode, permissions) => guard(nodeDisk.open)(path, mode, permissions),
    statNow: guard(nodeDisk.statNow),
  }
}

const options = { batchBytesMax: 2000 }

/** The first batches of a file in a directory, as a reader holds them. */
async function begun(directory: string): Promise<readonly Sent[]> {
  const tailing = new Tailing([`${directory}/d/a.log`], undefined, { ...options, once: true })
  await tailing.start()
  await tailing.finish()
  await tailing.close()
  return tailing.sent.slice(0, 3)
}

for (const pattern of ['a.log', '*.log']) {
  t.test(`${pattern} in a directory that cannot be looked into goes on where its reading stood`, async (t) => {
    for (const rotated of [false, true]) {
      const directory = t.testdir({ d: { 'a.log': text(1, 600) }, other: text(601, 601) })
      const sent = await begun(directory)
      const taken = sent.flatMap(({ bodies }) => bodies)
      let shut = true
      const disk = shutting('d', () => shut, true)
      const tailing = new Tailing([`${directory}/d/${pattern}`, `${directory}/other`], undefined, options, { disk })
      await tailing.start({ kind: 'keeps', held: tailing.held(sent) })
      await tailing.pass(5000)
      t.same(tailing.bodies, ['line 601'])
      t.equal(tailing.said.length, 1, tailing.said.join('\n'))
      t.match(tailing.said[0], ': i/o error')
      if (rotated) {
        fs.renameSync(`${directory}/d/a.log`, `${directory}/d/a.log.1`)
        fs.writeFileSync(`${directory}/d/a.log`, text(602, 602))
      }
      shut = false
      await tailing.pass(5000)
      await tailing.pass(5000)
      t.same([...taken, ...tailing.bodies].toSorted(), numbers(1, rotated ? 602 : 601).toSorted())
      await tailing.close()
    }
  })
}

t.test('one whose file system is not mounted is waited for, and goes on where its reading stood; one that is removed is gone', async (t) => {
  for (const path of ['d/a.log', 'd/sub/a.log']) {
    const directory = t.testdir({ d: { 'a.log': text(1, 600), sub: { 'a.log': text(1, 600) } } })
    let mounted = true
    const disk = unmounting('d', () => mounted)
    const open = (): Tailing => new Tailing([`${directory}/${path}`], undefined, options, { disk })
    const first = open()
    await first.start()
    await first.close()
    const sent = first.sent.slice(0, 3)
    mounted = false
    const tailing = open()
    await tailing.start({ kind: 'keeps', held: tailing.held(sent) })
    await tailing.pass(5000)
    t.same(tailing.bodies, [])
    t.match(tailing.said.join('\n'), /^waiting for .*\/d: the file system that was there is not mounted$/m)
    mounted = true
    await tailing.pass(5000)
    t.same([...sent.flatMap(({ bodies }) => bodies), ...tailing.bodies], numbers(1, 600))
    await tailing.close()
    fs.rmSync(`${directory}/${path}`)
    const last = open()
    await last.start({ kind: 'keeps', held: last.held(sent) })
    await last.close()
    t.match(last.sent.map(({ headers }) => headers), [[new Map([['flume.gap', 'removed']])]])
  }
})

t.test('a file system that is not mounted is named once, however many files are missing and however often it is looked for', async (t) => {
  const names = ['a', 'b', 'c']
  const directory = t.testdir({ d: Object.fromEntries(names.map((name) => [`${name}.log`, text(1, 600)])) })
  let mounted = true
  const disk = unmounting('d', () => mounted)
  const open = (): Tailing => new Tailing([`${directory}/d/*.log`], undefined, options, { disk })
  const first = open()
  await first.start()
  await first.close()
  mounted = false
  const tailing = open()
  const waits = (): number => tailing.said.filter((line) => line.endsWith('is not mounted')).length
  const sent = names.flatMap((name) => first.sent.filter(({ mark }) => mark.to.path === `${directory}/d/${name}.log`).slice(0, 3))
  await tailing.start({ kind: 'keeps', held: tailing.held(sent) })
  for (let looks = 0; looks < 3; looks++) await tailing.pass(5000)
  t.equal(waits(), 1, tailing.said.join('\n'))
  mounted = true
  await tailing.pass(5000)
  t.same([...sent.flatMap(({ bodies }) => bodies), ...tailing.bodies].toSorted(), names.flatMap(() => numbers(1, 600)).toSorted())
  await tailing.close()
})

t.test('what was on the file system of the root and is gone was removed, also where that has another number since', async (t) => {
  for (const rotated of [false, true]) {
    const directory = t.testdir({ 'a.log': text(1, 600) })
    let root = 0xffffdn
    const disk = unmounting('d', () => true, () => root)
    const open = (): Tailing => new Tailing([`${directory}/a.log`], undefined, { ...options, once: true }, { disk })
    const first = open()
    await first.start()
    await first.finish()
    await first.close()
    fs.rmSync(`${directory}/a.log`)
    if (rotated) fs.writeFileSync(`${directory}/a.log`, 'new\n')
    root--
    const tailing = open()
    await tailing.start({ kind: 'keeps', held: tailing.held(first.sent.slice(0, 3)) })
    await tailing.finish()
    await tailing.close()
    t.match(tailing.sent.map(({ headers }) => headers[0]?.get('flume.gap')), rotated ? ['removed', undefined] : ['removed'])
    t.notMatch(tailing.said.join('\n'), /mounted/)
  }
})

t.test('one that was rotated to where nobody can look is not gone either', async (t) => {
  for (const into of [false, true]) {
    const directory = t.testdir({ d: { 'a.log': text(1, 600) }, old: {} })
    const sent = await begun(directory)
    const taken = sent.flatMap(({ bodies }) => bodies)
    const read = async (disk: Disk, held: readonly Sent[]): Promise<Tailing> => {
      const tailing = new Tailing([`${directory}/d/a.log`], undefined, { ...options, once: true, olddirs: ['../old'] }, { disk })
      await tailing.start({ kind: 'keeps', held: tailing.held(held) })
      await tailing.finish()
      await tailing.close()
      return tailing
    }
    fs.renameSync(`${directory}/d/a.log`, `${directory}/old/a.log.1`)
    fs.writeFileSync(`${directory}/d/a.log`, text(601, 602))
    const blind = await read(shutting('old', () => true, into), sent)
    t.same(blind.bodies, numbers(601, 602))
    t.notMatch(blind.said, [/not there any more/])
    const seeing = await read(nodeDisk, [...sent, ...blind.sent])
    t.equal([...taken, ...seeing.bodies].join(), numbers(1, 600).join())
  }
})
