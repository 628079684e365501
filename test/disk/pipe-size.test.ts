/** Where perl is not installed the pipe stays as it is: then there is nothing to test but that nothing happens. */
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { enlargePipe } from '../../src/disk/pipe-size.js'

t.test('a pipe holds 1 MiB after it, and its descriptor stays non-blocking', async (t) => {
  const path = join(t.testdir({}), 'fifo')
  execFileSync('mkfifo', [path])
  const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK)
  const alive = setInterval(() => undefined, 1000) // the child alone keeps nobody waiting
  await enlargePipe(fd)
  clearInterval(alive)
  const flags = /^flags:\s+(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? ''
  t.ok(parseInt(flags, 8) & fs.constants.O_NONBLOCK, 'non-blocking')
  const size = spawnSync('perl', ['-e', '1']).status === 0 ? 1024 * 1024 : 64 * 1024
  t.equal(fs.writeSync(fd, Buffer.alloc(2 * 1024 * 1024)), size)
  fs.closeSync(fd)
})
