/**
 * A rotation in the middle of a look: each of its steps falls between two calls of the file system that flume-tail makes, so that one
 * sees the directory before it and the next after. Each line arrives exactly once, and nothing is said to be lost.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { FakeClock } from '../../support/clock.js'
import { SteppingDisk, type Step } from '../../support/stepping.js'
import { Tailing } from '../../support/tailing.js'

/** Of this log, as logrotate(8) and others do it; what was rotated goes to `old` as app.log.1. */
type Steps = (log: string, old: string) => readonly Step[]

export interface Between {
  readonly kind: string
  /** It matches the rotated files, too; else they may lie in another directory. */
  readonly all: boolean
  readonly apart: boolean
  /** By a symbolic link with another name, in another directory. */
  readonly linked: boolean
  /** Lines that make the file longer than what tells one short file from another. */
  readonly long: boolean
  /** In the first look of one that goes on where another was killed; else in a later one. */
  readonly start: boolean
  /** Before this call the first step is taken, and so many calls later each of the others; 0: all at once. */
  readonly first: number
  readonly every: number
}

const rename = (from: string, to: string): Step => () => {
  if (fs.existsSync(from)) fs.renameSync(from, to)
}
/** The one before is one older now. */
const shift = (old: string): Step => () => {
  for (const end of ['', '.gz']) rename(`${old}/app.log.1${end}`, `${old}/app.log.2${end}`)()
}
/** Nothing of it, half of it, all of it. */
const write = (path: string, bytes: () => Buffer): Step[] => [0, 0.5, 1].map((part) => () => {
  const all = bytes()
  fs.writeFileSync(path, all.subarray(0, all.length * part))
})
const copy = (from: string, to: string): Step[] => write(to, () => fs.readFileSync(from))
/** s, in the middle of this ms: what utimes(2) is given here is no exact number, and may else be one of the next ms. */
const within = (ms: bigint): number => (Number(ms) + 0.5) / 1000
const compress = (path: string): Step[] => [
  ...write(`${path}.gz`, () => gzipSync(fs.readFileSync(path))),
  () => {
    const { atimeMs, mtimeMs } = fs.statSync(path, { bigint: true })
    fs.utimesSync(`${path}.gz`, within(atimeMs), within(mtimeMs))
  },
  () => fs.unlinkSync(path),
]
const move = (from: string, to: string): Step[] => [...copy(from, to), () => fs.unlinkSync(from)]
const where = (path: string, steps: readonly Step[]): Step[] => steps.map((step) => () => {
  if (fs.existsSync(path)) step()
})

const KINDS: Readonly<Record<string, Steps>> = {
  'rename': (log, old) => [shift(old), rename(log, `${old}/app.log.1`)],
  'create': (log, old) => [...KINDS['rename']!(log, old), () => fs.writeFileSync(log, '')],
  'compress': (log, old) => [...KINDS['rename']!(log, old), ...compress(`${old}/app.log.1`)],
  'delaycompress': (log, old) => [
    rename(`${old}/app.log.2.gz`, `${old}/app.log.3.gz`), rename(`${old}/app.log.1`, `${old}/app.log.2`), rename(log, `${old}/app.log.1`),
    ...where(`${old}/app.log.2`, compress(`${old}/app.log.2`)),
  ],
  'mv': (log, old) => [shift(old), rename(log, `${log}.1`), ...(`${log}.1` === `${old}/app.log.1` ? [] : move(`${log}.1`, `${old}/app.log.1`))],
  'renamecopy': (log, old) => [shift(old), rename(log, `${log}.tmp`), ...move(`${log}.tmp`, `${old}/app.log.1`)],
  'renamecopy, compress': (log, old) => [...KINDS['renamecopy']!(log, old), ...compress(`${old}/app.log.1`)],
  'copytruncate': (log, old) => [shift(old), ...copy(log, `${old}/app.log.1`), () => fs.truncateSync(log)],
  'copytruncate, compress': (log, old) => [...KINDS['copytruncate']!(log, old), ...compress(`${old}/app.log.1`)],
}

const EVERY = [0, 1, 2, 3, 5, 8]

/** With the first step before each of so many calls. */
export function* betweenCalls(calls: number): Generator<Between> {
  for (const kind of Object.keys(KINDS)) {
    for (const [all, apart, linked] of [[false, false, false], [false, true, false], [true, false, false], [false, false, true], [false, true, true]] as const) {
      for (const long of [false, true]) {
        for (const start of [false, true]) {
          for (const every of EVERY) for (let first = 1; first <= calls; first++) yield { kind, all, apart, linked, long, start, first, every }
        }
      }
    }
  }
}

export function nameOf({ kind, all, apart, linked, long, start, first, every }: Between): string {
  const place = apart ? 'app.log, into another directory' : all ? 'app*' : 'app.log'
  return `${kind}, ${linked ? 'by a link to ' : ''}${place}, ${long ? 'long' : 'short'} lines, ${start ? 'at the start' : 'later'}, from call ${first}, a step each ${every}`
}

/** Undefined where all is well. `directory` and `elsewhere` are empty, the second on another file system. */
export async function faultOf({ kind, all, apart, linked, long, start, first, every }: Between, directory: string, elsewhere: string): Promise<string | undefined> {
  const log = join(directory, 'app.log')
  const copies = /copy|mv/.test(kind)
  const old = !apart ? directory : copies ? elsewhere : join(directory, 'old')
  fs.mkdirSync(old, { recursive: true })
  let size = long ? 300 : 3
  const expected: string[] = []
  const append = (): void => {
    const more = Array.from({ length: size }, (_, i) => `line ${expected.length + i} ${'.'.repeat(20)}`)
    fs.appendFileSync(log, more.map((line) => `${line}\n`).join(''))
    expected.push(...more)
    size++ // what is written anew has never the size that was there: of time there may be none in between
  }
  append()
  // what is truncated twice between two looks leaves no trace of the time in between
  const times = kind.startsWith('copytruncate') ? 1 : 2
  const steps = Array.from({ length: times }, () => [append, ...KINDS[kind]!(log, old), append]).flat()
  const stepping = new SteppingDisk(steps, first, every)
  const began = Date.now()
  const link = join(directory, 'links', 'current')
  if (linked) {
    fs.mkdirSync(join(directory, 'links'))
    fs.symlinkSync(log, link)
  }
  const following = (): Tailing => (
    new Tailing([linked ? link : join(directory, all ? 'app*' : 'app.log')], new FakeClock(began), apart ? { olddirs: [old] } : {}, { disk: stepping.disk })
  )
  const one = following()
  await one.start()
  const other = start ? following() : one
  if (start) await one.close()
  stepping.begin()
  if (start) await other.start({ kind: 'keeps', held: one.held() })
  for (let i = 0; i < 5; i++) await other.pass(1000)
  stepping.finish()
  for (let i = 0; i < 20; i++) await other.pass(1000)
  await other.close()
  return difference(start ? [...one.bodies, ...other.bodies] : one.bodies, expected)
}

function difference(got: readonly string[], expected: readonly string[]): string | undefined {
  const missing = expected.filter((line) => !got.includes(line))
  const more = got.length + missing.length - expected.length
  const gaps = got.filter((body) => body === '').length
  return missing.length + more === 0 ? undefined : `${missing.length} lines missing, ${more - gaps} twice, ${gaps} gaps`
}
