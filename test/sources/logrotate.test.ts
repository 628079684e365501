/**
 * The recipes for logrotate in flume-tail(1), with the real one × flume-tail running, stopped, or killed in the middle of
 * reading × two rotations: each numbered line arrives exactly once. Skipped where logrotate(8) is not installed.
 */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { RotationCase, STATES } from '../support/rotation-case.js'

const LOG = '/var/log/app/app.log'
const logrotate = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin'].map((directory) => `${directory}/logrotate`).find((path) => fs.existsSync(path))
const page = fs.readFileSync(resolve(import.meta.dirname, '../../man/flume-tail.1'), 'utf8')
const recipes = [...page.matchAll(/^\.Bd -literal -offset indent\n(\/var\/log\/app\/app\.log \{\n[^]*?\})\n\.Ed$/gm)].map(([, recipe]) => recipe!)

/** A configuration of its own for this directory, as a rotation whose time has come. */
function rotator(directory: string, recipe: string): () => void {
  const conf = `${directory}/logrotate.conf`
  fs.writeFileSync(conf, `${recipe.replace(LOG, `${directory}/app.log`)}\n`, { mode: 0o644 })
  return () => {
    nextSecond(recipe)
    const before = rotatedIn(directory)
    execFileSync(logrotate!, ['-f', '-s', `${directory}/logrotate.state`, conf], { stdio: ['ignore', 'ignore', 'inherit'] })
    if (rotatedIn(directory) !== before + 1) throw new Error(`nothing was rotated: ${fs.readdirSync(directory).join(' ')}`)
  }
}

function rotatedIn(directory: string): number {
  return fs.readdirSync(directory).filter((name) => name.startsWith('app') && name !== 'app.log').length
}

/** Names with the time in them must differ. */
function nextSecond(recipe: string): void {
  if (recipe.includes('%s')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000 - (Date.now() % 1000) + 5)
}

t.equal(recipes.length, 6)
for (const recipe of recipes) {
  const words = recipe.split('\n').slice(1, -1).map((line) => line.trim()).join(', ')
  t.test(`${words}:`, { skip: logrotate === undefined ? 'logrotate(8) is not installed: this recipe is not tried' : false }, async (t) => {
    for (const state of STATES) {
      for (const [size, apart, pattern] of [[3, true, 'app.log'], [300, true, 'app*'], [300, false, 'app.log']] as const) {
        const directory = t.testdir({})
        fs.chmodSync(directory, 0o755) // logrotate refuses one that others may write to
        const one = new RotationCase(directory, state, rotator(directory, recipe), size, pattern)
        await one.run(apart)
        t.strictSame(one.got, one.expected, `${state}, ${size} lines at a time, ${pattern}, ${apart ? 'read in between' : 'twice at once'}`)
      }
    }
  })
}
