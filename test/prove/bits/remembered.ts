/** What the ends of a pipeline remember, damaged: the state file of flume-tail and flume-spool, and the record of commits of flume-sink-hdfs. */
import type { Batch } from '../../../src/events/batch.js'
import { FlumeError } from '../../../src/errors.js'
import { decodeName } from '../../../src/sinks/hdfs/name.js'
import { filePosition, printOf, type FilePosition } from '../../../src/sources/position.js'
import { spoolPosition, type SpoolPosition } from '../../../src/sources/spool/file.js'
import { State } from '../../../src/sources/state.js'
import { FakeClock } from '../../support/clock.js'
import { MemoryDisk } from '../../support/memory-disk.js'
import { filesBelow, frame, optionsOf, Sinking, TIME } from '../../support/sinking.js'

/** A file that is remembered with, as it was left, and what is wrong with what is made of it; undefined: nothing. */
export interface Remembered {
  readonly disk: MemoryDisk
  readonly path: string
  readonly older: readonly Buffer[]
  fault(damaged: MemoryDisk): Promise<string | undefined>
}

const STATE = '/state/tail.json'

function place(n: number): FilePosition {
  const print = printOf(Buffer.alloc(256, n))
  return { offset: 1000 + n, path: `/var/log/app-${n}.log`, device: '64768', inode: String(900 + n), head: { ...print, size: 1000 + n }, tail: print, time: 1_700_000_000_000 + n, size: 2000 }
}

function spoolPlace(n: number): SpoolPosition {
  return { ...place(n), born: `16000000000000000${n}`, modified: 1_690_000_000_000, bytes: 2000 }
}

/** Nothing of it is believed where it is not what was written. */
export async function stateOf(kind: 'tail' | 'spool'): Promise<Remembered> {
  const disk = new MemoryDisk()
  const older: Buffer[] = []
  const placeOf = kind === 'tail' ? filePosition : spoolPosition
  const open = (of: MemoryDisk): State<FilePosition> => new State(STATE, of.boot(), 'file.', placeOf)
  const state = open(disk)
  await state.lock()
  await state.load()
  for (let n = 0; n < 6; n++) {
    state.set(`file.web1.r${n}`, kind === 'tail' ? place(n) : spoolPlace(n))
    await state.flush()
    older.unshift(disk.find(STATE)!.bytes)
  }
  await state.close()
  const text = JSON.stringify([...(await open(disk).load())])
  const fault = async (damaged: MemoryDisk): Promise<string | undefined> => {
    try {
      const loaded = JSON.stringify([...(await open(damaged).load())])
      return loaded === text ? undefined : `it goes on from ${loaded.slice(0, 200)}`
    } catch (error) {
      if (error instanceof FlumeError && ['STATE_DAMAGED', 'VERSION'].includes(error.code) && error.message.includes(STATE)) return undefined
      return `throws ${String(error)}`
    }
  }
  return { disk, path: STATE, older: older.slice(1), fault }
}

const FRAMES = 9
const SIZE = 5
const ALL = Array.from({ length: FRAMES * SIZE }, (_, n) => n)
const options = optionsOf('', { path: '/out/%{k}', rollCount: 6, openFilesMax: 2, spool: '/state/spool' })

function framesFrom(first: number): Batch[] {
  return ALL.filter((n) => n % SIZE === 0 && n >= first).map((begin) =>
    frame(begin, ALL.slice(begin, begin + SIZE).map((n) => ({ headers: { k: 'abacabb'[(n * n) % 7]! }, body: String(n) })), { to: { offset: begin + SIZE } }),
  )
}

/** Runs to its end, or until the plan ends it. */
async function run(disk: MemoryDisk, first: number): Promise<Sinking> {
  const sinking = new Sinking(options, framesFrom(first), disk.boot(), new FakeClock(TIME))
  const error = await Promise.race([sinking.ended, disk.ended])
  if (error instanceof Error) throw error
  return sinking
}

/** A sink that was killed after so many of its steps, in hundredths. `takes`: whoever reads its files takes each as soon as it is recorded. */
export async function recordOf(hundredths: number, takes: boolean): Promise<Remembered> {
  const whole = new MemoryDisk()
  await run(whole, 0)
  const disk = new MemoryDisk()
  const older: Buffer[] = []
  disk.plan = { step: Math.floor((whole.steps * hundredths) / 100), failure: 'end' }
  const pathOf = (): string => `/state/spool/${[...disk.directory('/state/spool').entries.keys()].find((name) => name.endsWith('.commits'))}`
  disk.watch = () => void (disk.find('/state/spool') !== undefined && older.unshift(disk.find(pathOf())?.bytes ?? Buffer.alloc(0)))
  const acked = (await run(disk, 0)).offsets.at(-1) ?? 0
  disk.watch = undefined
  disk.kill()
  if (takes) await takeRecorded(disk, pathOf())
  return { disk, path: pathOf(), older: [...new Set(older)].slice(1, 9), fault: (damaged) => faultOfRecord(damaged, acked, { path: pathOf(), before: disk.find(pathOf())!.bytes }, takes) }
}

async function takeRecorded(disk: MemoryDisk, record: string): Promise<void> {
  const view = disk.boot()
  await view.makeDirectory('/taken')
  for (const line of disk.find(record)!.bytes.toString().split('\n').filter((each) => each.startsWith('{"step":"done"'))) {
    const { path } = JSON.parse(line) as { path: string }
    await view.rename(path, `/taken/${path.slice(1).replaceAll('/', '-')}`)
  }
}

/** Everything is in place, once; where files were taken away that the record told of, some may be there twice, if that is said. */
async function faultOfRecord(disk: MemoryDisk, acked: number, { path, before }: { path: string; before: Buffer }, takes: boolean): Promise<string | undefined> {
  const after = disk.find(path)!.bytes
  for (const first of [acked, 0]) {
    const damaged = disk.clone()
    const { said } = await run(damaged, first)
    const there = [...(await numbersIn(damaged, '/out')), ...(await numbersIn(damaged, '/taken'))].sort((a, b) => a - b)
    const missing = ALL.filter((n) => !there.includes(n))
    if (missing.length > 0) return `events ${missing.join()} are missing`
    const isEarlier = before.subarray(0, after.length).equals(after) && (after.length === 0 || after.at(-1) === 0x0a) // as it was once: nothing tells that it is not now
    if (there.length > ALL.length && !(takes && isEarlier) && !(takes && said.some((each) => each.includes(path)))) return `in place are ${there.join()}, and nobody is told`
  }
  return undefined
}

/** Numbers in files with final names. */
async function numbersIn(disk: MemoryDisk, directory: string): Promise<number[]> {
  const files = disk.find(directory) === undefined ? {} : await filesBelow(directory, disk.boot())
  const final = Object.entries(files).filter(([path]) => directory === '/taken' || decodeName(path.slice(path.lastIndexOf('/') + 1)) !== undefined)
  return final.flatMap(([, text]) => text.split('\n').slice(0, -1).map(Number))
}
