/**
 * The recipes for logrotate in flume-tail(1), with the real one × flume-tail running, stopped, or killed in the middle of
 * reading × two rotations: each numbered line arrives exactly once. Skipped where logrotate(8) is not installed. With real
 * processes: test/pipelines/rotation.test.ts.
 */
import t from 'tap'
import { RECIPES, rotator, whyNoLogrotate as skip, wordsOf } from '../support/logrotate.js'
import { RotationCase, STATES } from '../support/rotation-case.js'

t.equal(RECIPES.length, 6)
for (const recipe of RECIPES) {
  t.test(`${wordsOf(recipe)}:`, { skip }, async (t) => {
    for (const state of STATES) {
      for (const [size, apart, pattern] of [[3, true, 'app.log'], [300, true, 'app*'], [300, false, 'app.log']] as const) {
        const directory = t.testdir({})
        const one = new RotationCase(directory, state, rotator(directory, recipe), size, pattern)
        await one.run(apart)
        t.strictSame(one.got, one.expected, `${state}, ${size} lines at a time, ${pattern}, ${apart ? 'read in between' : 'twice at once'}`)
      }
    }
  })
}
