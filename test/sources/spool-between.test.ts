/**
 * Somebody else renames, removes or replaces a file between any two calls of the file system that flume-spool makes: what is there arrives
 * once, also what comes under a name that was used before.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Done } from '../../src/sources/spool/aside.js'
import { Killed, Queue, spooled } from '../support/spooling.js'
import { SteppingDisk, type Step } from '../support/stepping.js'

const OLD = Date.UTC(2022, 0, 1) / 1000
/** Numbers of the lines of each file, and of the one that comes later. */
const FILES = { 'a': [1, 100], 'm': [101, 200], 's/n': [201, 300] } as const
const LATER = [301, 400] as const
/** Calls from the first to the last that a run makes, or more. */
const CALLS = 60
const EVERY = [0, 1, 3]
/** Of the moments. */
const EACH = 7

const shm = fs.mkdtempSync(fs.existsSync('/dev/shm') ? '/dev/shm/flume-' : '/var/tmp/flume-')
const elsewhere = fs.mkdtempSync('/var/tmp/flume-')
t.teardown(() => [shm, elsewhere].forEach((path) => fs.rmSync(path, { recursive: true })))

const DONE: Readonly<Record<string, (directory: string) => Done>> = {
  'renamed': () => ({ how: 'suffix', suffix: '.COMPLETED' }),
  'deleted': () => ({ how: 'delete' }),
  'moved to another directory': (directory) => ({ how: 'move', directory: `${directory}.read` }),
  'moved to another file system': (directory) => ({ how: 'move', directory: elsewhere + directory }),
  'remembered': () => ({ how: 'none' }),
}

const move = (from: string, to: string): Step => () => {
  if (fs.existsSync(from)) fs.renameSync(from, to)
}
function drop(path: string, [from, to]: readonly [number, number]): void {
  fs.mkdirSync(join(path, '..'), { recursive: true })
  const lines = Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i} ${'.'.repeat(30)}\n`)
  fs.writeFileSync(`${path}.hidden`, lines.join(''))
  fs.utimesSync(`${path}.hidden`, OLD, OLD)
  fs.renameSync(`${path}.hidden`, path)
}

const DEEDS: Readonly<Record<string, (directory: string) => Step[]>> = {
  'renamed to what comes later': (d) => [move(`${d}/a`, `${d}/z`)],
  'renamed to what comes earlier': (d) => [move(`${d}/m`, `${d}/0`)],
  'renamed three times': (d) => [move(`${d}/a`, `${d}/z`), move(`${d}/z`, `${d}/b`), move(`${d}/b`, `${d}/y`)],
  'moved into a directory': (d) => [() => fs.mkdirSync(`${d}/t`), move(`${d}/m`, `${d}/t/m`)],
  'moved out of one': (d) => [move(`${d}/s/n`, `${d}/b`)],
  'swapped with another': (d) => [move(`${d}/a`, `${d}/x`), move(`${d}/m`, `${d}/a`), move(`${d}/x`, `${d}/m`)],
  'renamed, and its name used again': (d) => [move(`${d}/m`, `${d}/m.1`), () => drop(`${d}/m`, LATER)],
  'replaced': (d) => [() => drop(`${d}/m`, LATER)],
  'removed': (d) => [() => fs.rmSync(`${d}/m`, { force: true })],
}

let runs = 0

/** What arrived that should not have, or did not. `batches`: what was taken before a kill, of one that goes on. */
async function faultOf(deed: string, doneOf: (directory: string) => Done, batches: number, first: number, every: number): Promise<string | undefined> {
  const directory = `${shm}/${++runs}`
  for (const [name, numbers] of Object.entries(FILES)) drop(`${directory}/${name}`, numbers)
  const queue = new Queue()
  const options = { batchBytesMax: 2000, recursive: true, done: doneOf(directory), ...(batches === 0 && { statePath: `${directory}.state/s.json` }) }
  if (batches > 0) {
    await spooled(directory, queue, { batches, options }).catch((error: unknown) => {
      if (!(error instanceof Killed)) throw error
    })
  }
  const stepping = new SteppingDisk(DEEDS[deed]!(directory), first, every)
  stepping.begin()
  await spooled(directory, queue, { options, around: { disk: stepping.disk } })
  stepping.finish()
  await spooled(directory, queue, { options })
  await spooled(directory, queue, { options })
  return difference(queue, deed)
}

function difference({ bodies, headers }: Queue, deed: string): string | undefined {
  const gaps = headers.filter((one) => one.has('flume.gap')).length
  const numbers = bodies.filter((body) => body !== '').map((body) => Number(body.split(' ')[1]))
  const arrived = new Set(numbers)
  const missing = ([from, to]: readonly [number, number]): number => Array.from({ length: to - from + 1 }, (_, i) => from + i).filter((n) => !arrived.has(n)).length
  const lossy = deed === 'replaced' || deed === 'removed'
  const lost = missing(FILES.m)
  const wrong = [
    [numbers.length - arrived.size, 'lines twice'],
    [missing(FILES.a) + missing(FILES['s/n']) + (lossy ? 0 : lost), 'lines missing'],
    [deed.includes('again') || deed === 'replaced' ? missing(LATER) : 0, 'lines of the later file missing'],
    [lossy && lost > 0 && lost < 100 ? 1 - gaps : lossy ? 0 : gaps, 'gap events, or none'],
  ] as const
  const found = wrong.filter(([count]) => count !== 0).map(([count, what]) => `${count} ${what}`)
  return found.length === 0 ? undefined : found.join(', ')
}

let moment = 0
for (const [done, doneOf] of Object.entries(DONE)) {
  t.test(`files that are ${done} once they are read, and one of them is`, async (t) => {
    for (const deed of Object.keys(DEEDS)) {
      const faults: string[] = []
      for (const batches of done === 'remembered' ? [0] : [0, 3]) {
        for (const every of EVERY) {
          for (let first = 1; first <= CALLS; first++) {
            if (moment++ % EACH > 0) continue
            const fault = await faultOf(deed, doneOf, batches, first, every)
            if (fault !== undefined) faults.push(`after ${batches} batches, from call ${first}, a step each ${every}: ${fault}`)
          }
        }
      }
      t.strictSame(faults, [], deed)
    }
  })
}
