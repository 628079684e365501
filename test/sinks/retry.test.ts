/** What is tried again, how long, and what a person reads meanwhile. */
import t from 'tap'
import { FlumeError } from '../../src/errors.js'
import { Failure, Retry, type RetryOptions } from '../../src/sinks/retry.js'
import { FakeClock } from '../support/clock.js'

const MINUTE = 60_000
const DOWN = new Failure('HDFS is down', 'passes')

class Waiting {
  readonly clock = new FakeClock(0)
  readonly said: string[] = []
  readonly stop = new AbortController()
  readonly retry: Retry

  constructor(options: RetryOptions = {}) {
    this.retry = new Retry(this.clock, (message) => void this.said.push(message), this.stop.signal, options)
  }

  /** A thing that fails until it is mended. */
  try(what: string, error: Error = DOWN): Trial {
    const trial = { count: 0, error: error as Error | undefined }
    const ended = this.retry.until(what, async () => {
      trial.count++
      if (trial.error !== undefined) throw trial.error
    })
    return Object.assign(trial, { ended: ended.then(() => 'done', (error: unknown) => error) })
  }

  /** Lets time pass, in steps no longer than any pause. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      await settle()
      this.clock.advance(100)
    }
    await settle()
  }
}

interface Trial {
  count: number
  error: Error | undefined
  readonly ended: Promise<unknown>
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

t.test('a failure that may pass is said at once, then each minute, and also when it goes on', async (t) => {
  const waiting = new Waiting()
  const trial = waiting.try('cannot write /x')
  await settle()
  t.same(waiting.said, ['cannot write /x: HDFS is down; trying again, nothing is lost'])
  await waiting.pass(2 * MINUTE + 30_000)
  t.equal(waiting.said.length, 3)
  trial.error = undefined
  await waiting.pass(5000)
  t.equal(await trial.ended, 'done')
  t.match(waiting.said.slice(3), [/^it goes on, after 15\d s$/])
})

t.test('pauses grow to 5 s, and no further', async (t) => {
  const waiting = new Waiting()
  const trial = waiting.try('x')
  await waiting.pass(100 + 200 + 400 + 800 + 1600 + 3200)
  t.equal(trial.count, 7)
  await waiting.pass(20 * 5000)
  t.equal(trial.count, 27)
})

t.test('while one thing fails, another that works is no news, and what failed is not said to go on', async (t) => {
  const waiting = new Waiting()
  const full = waiting.try('cannot write /full')
  for (let count = 0; count < 50; count++) {
    await waiting.pass(1000)
    const other = waiting.try('cannot write /other')
    await settle()
    other.error = undefined
    await waiting.pass(200)
  }
  t.same(waiting.said, ['cannot write /full: HDFS is down; trying again, nothing is lost'])
  full.error = undefined
  await waiting.pass(5000)
  t.match(waiting.said, { length: 2, 1: /^it goes on, after 6\d s$/ })
})

t.test('what is inside of a thing that fails may work, and does not end its failing', async (t) => {
  const waiting = new Waiting()
  let inner = 0
  const outer = waiting.retry.until('outer', async () => {
    await waiting.retry.until('inner', async () => void inner++)
    if (inner < 20) throw DOWN
  })
  await waiting.pass(2 * MINUTE)
  await outer
  t.match(waiting.said, [/^outer: /, /^outer: /, /^it goes on, after \d\d s$/])
})

t.test('hiccups one after another are said once in a while, each with its end', async (t) => {
  const waiting = new Waiting()
  for (let count = 0; count < 100; count++) {
    const trial = waiting.try('x')
    await settle()
    trial.error = undefined
    await waiting.pass(200)
    await trial.ended
  }
  t.equal(waiting.said.length, 4, '20 s of them')
  t.match(waiting.said, [/^x: /, /^it goes on/, /^x: /, /^it goes on/])
})

t.test('trouble that comes again just after it had gone is said when it stays', async (t) => {
  const waiting = new Waiting()
  const first = waiting.try('first')
  await waiting.pass(1000)
  first.error = undefined
  await waiting.pass(5000)
  t.match(waiting.said, { length: 2 })
  waiting.try('second')
  await waiting.pass(5000)
  t.match(waiting.said, { length: 2 })
  await waiting.pass(10_000)
  t.match(waiting.said, { length: 3, 2: /^second: / })
})

t.test('a clock that is set back, or forward, ends nothing that waits, and keeps nobody silent', async (t) => {
  for (const days of [-1, 1]) {
    for (const retryFor of [undefined, 10 * MINUTE]) {
      const waiting = new Waiting({ retryFor })
      const trial = waiting.try('x')
      await waiting.pass(1000)
      waiting.clock.set(days * 24 * 60 * MINUTE)
      await waiting.pass(MINUTE + 5000)
      t.match(waiting.said, [/^x: HDFS is down; trying again/, /^x: HDFS is down; trying again/])
      trial.error = undefined
      await waiting.pass(5000)
      t.equal(await trial.ended, 'done')
      t.match(waiting.said[2], /^it goes on, after \d\d s$/)
    }
  }
})

t.test('retryFor: what has failed for so long ends with its reason, whatever else works', async (t) => {
  const waiting = new Waiting({ retryFor: MINUTE })
  const trial = waiting.try('cannot write /x')
  for (let count = 0; count < 59; count++) {
    await waiting.pass(1000)
    await waiting.retry.until('cannot write the record', async () => undefined)
  }
  t.equal(waiting.clock.sleeping, 1)
  await waiting.pass(6000)
  t.match(await trial.ended, { code: 'UNAVAILABLE', message: 'cannot write /x', cause: DOWN })
})

t.test('retryFor: the time that a brief thing takes to fail counts, of another only that after it', async (t) => {
  for (const isBrief of [true, false]) {
    const waiting = new Waiting({ retryFor: MINUTE })
    let count = 0
    const hanging = async (): Promise<void> => {
      count++
      waiting.clock.advance(MINUTE)
      throw DOWN
    }
    const ended = waiting.retry.until('cannot look at /x', hanging, isBrief).catch((error: unknown) => error)
    await waiting.pass(100)
    t.match(await ended, { code: 'UNAVAILABLE', message: 'cannot look at /x', cause: DOWN })
    t.equal(count, isBrief ? 1 : 2)
  }
})

t.test('what waiting does not help ends at once, with its code', async (t) => {
  const waiting = new Waiting()
  const system = (code: string): Error => Object.assign(new Error(code), { code })
  t.match(await waiting.try('x', new Failure('denied', 'PERMISSION')).ended, { code: 'PERMISSION', message: 'x' })
  t.match(await waiting.try('x', system('EACCES')).ended, { code: 'PERMISSION' })
  t.match(await waiting.try('x', system('ENOTDIR')).ended, { code: 'CANNOT_CREATE' })
  t.match(await waiting.try('x', system('EIO')).ended, { code: 'IO' })
  t.match(await waiting.try('x', new FlumeError('OTHER_HISTORY', 'y')).ended, { code: 'OTHER_HISTORY', message: 'y' })
  t.same(waiting.said, [])
})

t.test('stop: whoever waits waits no more, and what fails next is given up; what works is done', async (t) => {
  const waiting = new Waiting()
  const [trial, mended] = [waiting.try('x'), waiting.try('y')]
  await waiting.pass(1000)
  mended.error = undefined
  waiting.stop.abort()
  t.match(await trial.ended, { code: 'STOPPED', message: 'x', cause: DOWN })
  t.match(await waiting.try('z', new Failure('denied', 'PERMISSION')).ended, { code: 'PERMISSION', message: 'z' })
  t.equal(await mended.ended, 'done')
  t.equal(await waiting.retry.until('z', async () => 'new'), 'new')
})

t.test('off: nothing is begun any more', async (t) => {
  const off = new AbortController()
  const waiting = new Waiting({ off: off.signal })
  off.abort()
  const trial = waiting.try('x')
  t.match(await trial.ended, { code: 'UNAVAILABLE', message: /ending/ })
  t.equal(trial.count, 0)
})
