/** How far a log may be read, as its readers hear of it. */
import t from 'tap'
import { Published } from '../../src/channel/published.js'
import { Paths } from '../../src/channel/surroundings.js'
import { FakeClock } from '../support/clock.js'
import { MemoryDisk } from '../support/memory-disk.js'

t.test('what comes between a look and the wait for more is not waited for', async (t) => {
  const disk = new MemoryDisk().boot()
  await disk.makeDirectory('/q')
  const published = new Published(new Paths('/q'), disk)
  published.writerHere = true
  await published.write({ segment: 0, end: 100, next: 1 })
  const seen = await published.read()
  await published.write({ segment: 0, end: 200, next: 2 })
  await published.changed(seen, new FakeClock(), new AbortController().signal)
  t.match(await published.read(), { next: 2 })
  await published.close()
})

t.test('a record that is taken over from somebody who was killed is on disk before anything is written over', async (t) => {
  const disk = new MemoryDisk()
  const paths = new Paths('/q')
  const opened = (): Published => new Published(paths, disk.boot())
  await disk.boot().makeDirectory('/q')
  const killed = opened()
  await killed.write({ segment: 0, end: 100, next: 1 })
  await killed.sync()
  disk.settle()
  await killed.write({ segment: 0, end: 200, next: 2 })
  disk.kill()
  t.match(await opened().adopt(), { next: 2 })
  disk.losePower(() => 0)
  t.match(await opened().read(), { next: 2 })
})

for (const put of [true, false]) {
  t.test(`a queue that is renamed while it is read is an error, ${put ? 'also where another one comes in its place' : 'also before anything was put'}`, async (t) => {
    const disk = new MemoryDisk().boot()
    const paths = new Paths('/q')
    const opened = (): Published => new Published(paths, disk)
    await disk.makeDirectory('/q')
    if (put) await opened().write({ segment: 0, end: 100, next: 1 })
    const reader = opened()
    t.equal((await reader.read())?.next, put ? 1 : undefined)
    await disk.rename('/q', '/other')
    const gone = { code: 'IO', message: 'cannot go on with queue /q: it was renamed or removed meanwhile' }
    await t.rejects(reader.read(), gone)
    if (!put) return
    await disk.makeDirectory('/q')
    await opened().write({ segment: 0, end: 200, next: 2 })
    await t.rejects(reader.read(), gone)
  })
}
