import t from 'tap'
import { Said } from '../../src/sources/said.js'
import { FakeClock } from '../support/clock.js'

const HOUR = 3_600_000
const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `cannot read ${n}`)

t.test('a message is said once, however often it is needed; and again when it was not for an hour, where many others came', (t) => {
  const said: string[] = []
  const clock = new FakeClock()
  const messages = new Said(clock, (message) => void said.push(message))
  for (let looks = 0; looks < 3; looks++) {
    for (const name of names(3)) messages.once(name)
    clock.advance(HOUR / 2)
  }
  t.same(said, names(3))
  messages.once('cannot read 0')
  clock.advance(HOUR - 1)
  messages.once('another')
  for (const name of names(2)) messages.once(name)
  t.same(said, [...names(3), 'another', 'cannot read 1'])
  t.end()
})

t.test('of more than a thousand at a time the rest is not said, and that is said once, however often they are needed', (t) => {
  const said: string[] = []
  const clock = new FakeClock()
  const messages = new Said(clock, (message) => void said.push(message))
  for (let looks = 0; looks < 3; looks++) {
    for (const name of names(1500)) messages.once(name)
    clock.advance(1000)
  }
  t.equal(said.length, 1001)
  t.match(said[1000], /^1000 messages .* there are more/)
  clock.advance(HOUR)
  messages.once('another')
  t.equal(said.at(-1), 'another')
  t.end()
})
