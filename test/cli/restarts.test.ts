/** When flume-route starts a command again, by a clock of the test. */
import t from 'tap'
import { endedWithin, Restarts } from '../../src/cli/restarts.js'
import type { Ended } from '../../src/disk/child.js'
import { FakeClock } from '../support/clock.js'

const FAILED = { status: 1, signal: null }

t.test('a command that ends again and again is started after pauses that grow, whatever the clock is set to', async (t) => {
  const clock = new FakeClock()
  const said: string[] = []
  const restarts = new Restarts(clock, (message) => void said.push(message))
  for (const pause of [100, 200, 400, 800, 1600, 3200]) {
    restarts.started()
    let over = false
    const wait = restarts.wait(FAILED, new AbortController().signal).then(() => (over = true))
    let waited = 0
    for (; !over; waited += 100) {
      await Promise.race([clock.idle(), wait])
      clock.set(waited % 200 === 0 ? -3_600_000 : 7_200_000)
      clock.advance(100)
      await new Promise((resolve) => setImmediate(resolve))
    }
    t.equal(waited, pause)
    t.equal(said.at(-1), `its command ended (status 1): starts it again in ${pause / 1000} s`)
  }
})

t.test('a command is waited for until it has ended, and no longer than so many ms', async (t) => {
  const clock = new FakeClock()
  let end: (ended: Ended) => void = () => undefined
  const child = { ended: new Promise<Ended>((resolve) => (end = resolve)) }
  const late = endedWithin(child, clock, 5000)
  clock.advance(5000)
  t.equal(await late, undefined)
  const soon = endedWithin(child, clock, 5000)
  end(FAILED)
  t.equal(await soon, FAILED)
  t.equal(clock.sleeping, 0, 'no timer is left')
})
