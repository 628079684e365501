/** The real disk: what the memory disk of the other tests cannot tell. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { allocatePages } from '../../src/disk/direct.js'
import { PAGE_SIZE } from '../../src/disk/disk.js'
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

const O_DIRECT = 0o40000

/** Flags of the descriptors that this process has of the file, open(2). */
function flagsOf(path: string): number[] {
  const inode = fs.statSync(path).ino
  const isOf = (fd: string): boolean => fs.statSync(`/proc/self/fd/${fd}`, { throwIfNoEntry: false })?.ino === inode
  const flags = (fd: string): string | undefined => /flags:\s*(\d+)/.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
  return fs.readdirSync('/proc/self/fd').filter(isOf).map((fd) => Number.parseInt(flags(fd) ?? '0', 8))
}

/** Descriptors by which this process writes to the file past the page cache. */
const directTo = (path: string): number => flagsOf(path).filter((flags) => (flags & O_DIRECT) !== 0).length

/** Not each file system writes past the page cache. */
function canDirect(path: string): boolean {
  try {
    fs.closeSync(fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_CREAT | O_DIRECT))
    return true
  } catch {
    return false
  }
}

t.test('write() past the page cache puts all bytes where they belong, whatever their size, place and address', async (t) => {
  const base = t.testdir()
  const path = join(base, 'file')
  const file = await nodeDisk.open(path, 'any')
  const pages = allocatePages(512 * 1024).map((_, n) => (n * n) % 251)
  const whole = allocatePages(pages.length)
  whole.set(pages)
  const expected = Buffer.alloc(3 * 1024 * 1024)
  const put = async (bytes: Buffer, at: number): Promise<void> => {
    t.equal(await file.write([bytes], at, true), bytes.length)
    bytes.copy(expected, at)
  }
  await put(whole, 0)
  t.equal(directTo(path), canDirect(join(base, 'other')) ? 1 : 0, 'whole pages from memory that begins with one')
  await put(whole.subarray(7, 7 + 300_000), 600_001)
  t.equal(directTo(path), 0, 'a file that is no longer written so has one descriptor')
  await put(whole.subarray(0, 100 * PAGE_SIZE), 256 * PAGE_SIZE)
  await put(whole.subarray(PAGE_SIZE), 400 * PAGE_SIZE)
  t.equal(await file.write([whole.subarray(0, PAGE_SIZE), whole.subarray(5, 8)], 600 * PAGE_SIZE, true), PAGE_SIZE + 3)
  Buffer.concat([whole.subarray(0, PAGE_SIZE), whole.subarray(5, 8)]).copy(expected, 600 * PAGE_SIZE)
  await put(whole.subarray(1, 1 + 64 * PAGE_SIZE), 640 * PAGE_SIZE)
  t.equal(directTo(path), 0, 'from memory that does not, it is not tried again')
  await put(whole, 500 * PAGE_SIZE)
  await file.sync()
  const written = fs.readFileSync(path)
  t.ok(written.equals(expected.subarray(0, written.length)))
  t.equal(written.length, (640 + 64) * PAGE_SIZE)
  await file.close()
})

t.test('close() leaves no descriptor of the file', async (t) => {
  const path = join(t.testdir(), 'file')
  const file = await nodeDisk.open(path, 'any')
  await file.write([allocatePages(512 * 1024)], 0, true)
  t.ok(flagsOf(path).length > 0)
  await file.close()
  t.same(flagsOf(path), [])
})

t.test('a full disk is an error of write(), also past the page cache', async (t) => {
  const file = await nodeDisk.open('/dev/full', 'update')
  await t.rejects(file.write([allocatePages(512 * 1024)], 0, true), { code: 'ENOSPC' })
  await file.close()
})

t.test('a FIFO where a file is meant is opened without waiting for a writer', async (t) => {
  const path = join(t.testdir({}), 'fifo')
  execFileSync('mkfifo', [path])
  const file = await nodeDisk.open(path, 'read')
  t.equal((await file.stat()).kind, 'fifo')
  await file.close()
  await t.rejects(nodeDisk.syncDirectory(path), { code: 'EINVAL' })
})
