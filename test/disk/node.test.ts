/** The real disk: what the memory disk of the other tests cannot tell. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { after, nodeDisk } from '../../src/disk/node.js'

t.test('makeDirectory() makes missing parents, names the topmost one made, and is content with one that is there', async (t) => {
  const base = t.testdir({ file: '' })
  t.equal(await nodeDisk.makeDirectory(join(base, 'a/b/c')), join(base, 'a'))
  t.equal(await nodeDisk.makeDirectory(join(base, 'a/b/c')), undefined)
  t.equal(await nodeDisk.makeDirectory(join(base, 'a/d')), join(base, 'a/d'))
  t.ok(fs.statSync(join(base, 'a/b/c')).isDirectory())
  await t.rejects(nodeDisk.makeDirectory(join(base, 'file')), { code: 'EEXIST' })
  await t.rejects(nodeDisk.makeDirectory(join(base, 'file/x')), { code: 'ENOTDIR' })
})

t.test('makeDirectory() of several at the same time makes each directory once, and fails for nobody', async (t) => {
  const base = t.testdir()
  for (let round = 0; round < 50; round++) {
    const path = join(base, String(round), 'a/b/c')
    const made = await Promise.all(Array.from({ length: 8 }, () => nodeDisk.makeDirectory(path)))
    t.ok(made.includes(join(base, String(round))))
    t.ok(fs.statSync(path).isDirectory())
  }
})

t.test('makeDirectory() ends where the kernel makes no directories', async (t) => {
  await t.rejects(nodeDisk.makeDirectory('/proc/flume/x'), { code: 'ENOENT' })
})

t.test('link() does not overwrite, stat() of what is missing is undefined', async (t) => {
  const base = t.testdir({ a: '1', b: '2' })
  await t.rejects(nodeDisk.link(join(base, 'a'), join(base, 'b')), { code: 'EEXIST' })
  t.equal(await nodeDisk.stat(join(base, 'c')), undefined)
  t.equal(await nodeDisk.stat(join(base, 'a/c')), undefined)
})

t.test('after() is what is left of the pieces behind so many bytes', async (t) => {
  const pieces = [Buffer.from('abc'), Buffer.alloc(0), Buffer.from('de')]
  for (let count = 0; count <= 5; count++) t.equal(Buffer.concat(after(pieces, count)).toString(), 'abcde'.slice(count))
})

t.test('a lock is held by one open file, and let go with it', async (t) => {
  const path = join(t.testdir({ lock: '' }), 'lock')
  const [one, other] = [await nodeDisk.open(path, 'update'), await nodeDisk.open(path, 'update')]
  t.ok(one.tryLock())
  t.notOk(other.tryLock())
  await one.close()
  t.ok(other.tryLock())
  await other.close()
})
