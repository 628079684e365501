/** The clock of a real process. */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { systemClock } from '../../src/events/flow.js'

t.test('sleep() of more than a timer can hold does not end at once', async (t) => {
  const warnings: Error[] = []
  const warn = (warning: Error): void => void warnings.push(warning)
  process.on('warning', warn)
  t.teardown(() => process.off('warning', warn))
  const stop = new AbortController()
  const slept = systemClock.sleep(2 ** 40, stop.signal)
  await turn()
  t.same(warnings, [], 'Node says where it takes 1 ms instead')
  stop.abort()
  await slept
})
