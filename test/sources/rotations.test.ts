/**
 * Each way of rotating × flume-tail running, stopped, or killed in the middle of reading × two rotations × short files and
 * long ones × a pattern that matches the rotated files or not: each numbered line arrives exactly once.
 */
import * as fs from 'node:fs'
import t from 'tap'
import { KINDS, Rotating } from '../support/rotating.js'
import { RotationCase, STATES } from '../support/rotation-case.js'

/** Another device than the directory of the tests, where there is one. */
const elsewhere = fs.mkdtempSync(fs.existsSync('/dev/shm') ? '/dev/shm/flume-' : '/var/tmp/flume-')
t.teardown(() => fs.rmSync(elsewhere, { recursive: true }))

for (const kind of KINDS) {
  t.test(`${kind}:`, async (t) => {
    for (const state of STATES) {
      for (const size of [3, 300]) {
        for (const pattern of ['app.log', 'app*']) {
          for (const apart of [true, false]) {
            const name = `${state}, ${size} lines at a time, ${pattern}, ${apart ? 'read in between' : 'twice at once'}`
            const directory = t.testdir({})
            const olddir = `${elsewhere}${directory}`
            fs.rmSync(olddir, { recursive: true, force: true })
            fs.mkdirSync(olddir, { recursive: true })
            const rotating = new Rotating(`${directory}/app.log`, kind, olddir)
            const one = new RotationCase(directory, state, () => rotating.rotate(), size, pattern, [olddir])
            await one.run(apart)
            t.strictSame(one.got, one.expected, name)
            if (state !== 'running' && pattern === 'app.log') t.strictSame(one.order, one.expected, `${name}: and in order`)
          }
        }
      }
    }
  })
}
