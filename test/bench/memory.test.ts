/**
 * What followed files take of the memory at rest: beyond a node that does nothing, and pages of programs left out, which are
 * shared. No seconds: it is looked at until it is little enough, or for so long that it never will be.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { commandEnvironment } from '../support/shell.js'
import { ended, floorResident, follow, LINES, makeLogs, residentOf, until } from './files.js'

/** Each takes 4 KB while it is read, and 0.5 at rest. */
const FILES = 3000
/** MB, 5.4 when last looked at, on Node 20: half as much again is room for other machines. */
const BUDGET = 5.4
const ROOM = 1.5
/** s; what V8 keeps for as much work as there was last it gives back after 20. */
const PATIENCE = 60

t.test(`${FILES} files at rest take no more memory than half as much again as when that was last looked at`, async (t) => {
  const directory = t.testdir({})
  const home = join(directory, 'home')
  mkdirSync(home)
  const around = { env: commandEnvironment(home), bin: fileURLToPath(new URL('../../bin', import.meta.url)) }
  const floor = await floorResident(around.env, 'RssAnon')
  const queue = join(directory, 'q')
  const { tail, buffer } = follow(makeLogs(directory, FILES), queue, around)
  try {
    await until(queue, FILES * LINES, around)
    const taken = (): number => (residentOf(tail.pid!, 'RssAnon') - floor) / 1e6
    let least = taken()
    for (let looks = 0; looks < PATIENCE && least > BUDGET * ROOM; looks++) {
      await sleep(1000)
      least = taken()
    }
    t.comment(`${least.toFixed(1)} MB`)
    t.ok(least <= BUDGET * ROOM, `${least.toFixed(1)} MB`)
  } finally {
    tail.kill()
    await Promise.all([tail, buffer].map(ended))
  }
})
