/** flume-spool while somebody sets the clock, in a directory of which nobody gives notice. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { setImmediate as immediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { nodeDisk } from '../../src/disk/node.js'
import { FakeClock } from '../support/clock.js'
import { Queue, spoolOf, type SpoolRun } from '../support/spooling.js'

const DAY = 86_400_000
const NOW = Date.UTC(2026, 0, 1)

/** What a source sends that follows its directory, by a clock of the test. */
class Following {
  readonly directory: string
  readonly clock = new FakeClock(NOW)
  readonly queue = new Queue()
  readonly #stop = new AbortController()
  readonly #source: ReturnType<typeof spoolOf>
  readonly #running: Promise<void>

  constructor(t: Test, { options, around }: SpoolRun = {}) {
    this.directory = join(t.testdir({ in: {} }), 'in')
    const times = { poll: 1000, retry: 3000, settle: 2000 }
    this.#source = spoolOf(this.directory, { options: { once: false, times, ...options }, ...(around && { around }) }, this.clock, [], [])
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    for await (const batch of this.#source.open(this.queue.reader, this.#stop.signal)) {
      this.queue.take(batch)
      batch.release()
      await this.#source.settle(batch.mark!)
    }
  }

  /** `at`: when it was last written to, ms since the epoch. */
  drop(name: string, at: number): void {
    const path = join(this.directory, name)
    fs.writeFileSync(path, `${name}\n`)
    fs.utimesSync(path, at / 1000, at / 1000)
  }

  get names(): string[] {
    return fs.readdirSync(this.directory).sort()
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      await this.idle()
      this.clock.advance(500)
      await immediate()
    }
    await this.idle()
  }

  async idle(): Promise<void> {
    await this.clock.idle()
    await this.#source.settled()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#running
    await this.#source.close()
  }
}

t.test('a clock that is set back, or forward, delays nothing: a new file is read', async (t) => {
  for (const marker of [undefined, '*.done']) {
    for (const days of [-1, 1]) {
      const following = new Following(t, { options: marker === undefined ? {} : { marker } })
      following.drop('a', NOW - 2 * DAY)
      following.drop('a.done', NOW - 2 * DAY)
      await following.pass(3000)
      following.clock.set(days * DAY)
      following.drop('b', NOW - 2 * DAY)
      following.drop('b.done', NOW - 2 * DAY)
      await following.pass(3000)
      t.ok(following.queue.bodies.includes('b'), `${marker}, ${days} d`)
      await following.close()
    }
  }
})

t.test('a file that was written just before the clock is set back is read once it was not written to for long enough', async (t) => {
  const following = new Following(t)
  await following.idle()
  following.drop('a', NOW)
  await following.pass(1500)
  following.clock.set(-DAY)
  await following.pass(5000)
  t.same(following.queue.bodies, ['a'])
  await following.close()
})

t.test('what could not be set aside, or read, is tried again in its time, whatever the clock is set to', async (t) => {
  let fails = true
  const refused = (): Promise<never> => Promise.reject(Object.assign(new Error('it is immutable'), { code: 'EPERM' }))
  const disk: typeof nodeDisk = {
    ...nodeDisk,
    rename: (from, to) => (fails ? refused() : nodeDisk.rename(from, to)),
    link: (from, to) => (fails ? refused() : nodeDisk.link(from, to)),
    open: (path, mode, permissions) => (fails && path.endsWith('/b') ? refused() : nodeDisk.open(path, mode, permissions)),
  }
  const following = new Following(t, { around: { disk } })
  following.drop('a', NOW - 2 * DAY)
  following.drop('b', NOW - 2 * DAY)
  await following.pass(1000)
  t.same(following.names, ['a', 'b'])
  t.same(following.queue.bodies, ['a'])
  following.clock.set(-DAY)
  fails = false
  await following.pass(4000)
  t.same(following.queue.bodies, ['a', 'b'])
  t.same(following.names, ['a.COMPLETED', 'b.COMPLETED'])
  await following.close()
})
