/** The recipes for logrotate in flume-tail(1), and the real one, which runs them. */
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { resolve } from 'node:path'

const LOG = '/var/log/app/app.log'
const program = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin'].map((directory) => `${directory}/logrotate`).find((path) => fs.existsSync(path))
const page = fs.readFileSync(resolve(import.meta.dirname, '../../man/flume-tail.1'), 'utf8')

/** As they stand on the page: each for /var/log/app/app.log. */
export const RECIPES = [...page.matchAll(/^\.Bd -literal -offset indent\n(\/var\/log\/app\/app\.log \{\n[^]*?\})\n\.Ed$/gm)].map(([, recipe]) => recipe!)

/** Why none can be tried; false: they can. */
export const whyNoLogrotate: string | false = program === undefined ? 'logrotate(8) is not installed' : false

/** The words of a recipe in one line. */
export function wordsOf(recipe: string): string {
  return recipe.split('\n').slice(1, -1).map((line) => line.trim()).join(', ')
}

/** Rotates app.log of this directory, each time as a rotation whose time has come; what is rotated away lands in `olddir`. */
export function rotator(directory: string, recipe: string, olddir = directory): () => void {
  const conf = `${directory}/logrotate.conf`
  fs.chmodSync(directory, 0o755) // logrotate refuses one that others may write to
  fs.writeFileSync(conf, `${recipe.replace(LOG, `${directory}/app.log`)}\n`, { mode: 0o644 })
  return () => {
    nextSecond(recipe)
    const before = rotatedIn(olddir)
    execFileSync(program!, ['-f', '-s', `${directory}/logrotate.state`, conf], { stdio: ['ignore', 'ignore', 'inherit'] })
    if (rotatedIn(olddir) !== before + 1) throw new Error(`nothing was rotated: ${fs.readdirSync(olddir).join(' ')}`)
  }
}

function rotatedIn(directory: string): number {
  return fs.readdirSync(directory).filter((name) => name.startsWith('app') && name !== 'app.log').length
}

/** Names with the time in them must differ. */
function nextSecond(recipe: string): void {
  if (recipe.includes('%s')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000 - (Date.now() % 1000) + 5)
}
