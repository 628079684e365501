/**
 * npm run bench -- files: many files followed. How long until all that is in them is in the queue; what flume-tail costs
 * then, while nothing is written to any of them, and while a hundred of them are written to; the last beside a
 * flume-tail that has these hundred alone. Memory beside that of a node which does nothing: the floor.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cell } from './table.js'

export interface Files {
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
  readonly bin: string
}

const MANY = 10_000
const FEW = 100
/** Lines that each file has at the start. */
export const LINES = 10
/** s without a change: more than a minute, so that the looks at all of them are in it. */
const IDLE = 65
/** s during which the hundred get a line each, so many times a second. */
const WRITTEN = 20
const RATE = 5
const LINE = `${'-'.repeat(99)}\n`

interface Cost {
  readonly found: number
  readonly idle: number
  readonly written: number
  /** Bytes at rest, and while files are written to. */
  readonly idleBytes: number
  readonly writtenBytes: number
  /** The most it ever was. */
  readonly peak: number
}

export async function benchFiles({ directory, env, bin }: Files): Promise<void> {
  const floor = await floorResident(env)
  console.log(`${'files'.padEnd(8)}${['found s', 'idle %', 'written %', 'idle MB', 'written MB', 'peak MB'].map((text) => cell(text)).join('')}`)
  const costs: Cost[] = []
  for (const count of [FEW, MANY]) {
    const logs = makeLogs(directory, count)
    const cost = await costOf(logs, count, { directory, env, bin })
    costs.push(cost)
    const cells = [cost.found.toFixed(1), (cost.idle * 100).toFixed(2), (cost.written * 100).toFixed(1), ...[cost.idleBytes, cost.writtenBytes, cost.peak].map((bytes) => (bytes / 1e6).toFixed(1))]
    console.log(`${String(count).padEnd(8)}${cells.map((text) => cell(text)).join('')}`)
    rmSync(logs, { recursive: true })
  }
  const [few, many] = costs as [Cost, Cost]
  console.log(`${FEW} of ${MANY} written to: ${(many.written / few.written).toFixed(2)} × the cpu of ${FEW} alone; a node that does nothing has ${(floor / 1e6).toFixed(1)} MB`)
}

/** A directory with so many files. */
export function makeLogs(directory: string, count: number): string {
  const logs = join(directory, `logs-${count}`)
  mkdirSync(logs)
  for (let n = 0; n < count; n++) writeFileSync(nameOf(logs, n), `${n}\n${LINE.repeat(LINES - 1)}`)
  return logs
}

/** `flume-tail '<logs>/*.log' | flume-buffer --put <queue>` */
export function follow(logs: string, queue: string, { env, bin }: Pick<Files, 'env' | 'bin'>): { readonly tail: ChildProcess; readonly buffer: ChildProcess } {
  const tail = spawn(join(bin, 'flume-tail'), [`${logs}/*.log`], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const buffer = spawn(join(bin, 'flume-buffer'), ['--put', queue], { env, stdio: [tail.stdout, 'ignore', 'ignore'] })
  tail.stdout.destroy()
  return { tail, buffer }
}

async function costOf(logs: string, count: number, { directory, env, bin }: Files): Promise<Cost> {
  const queue = join(directory, `q-${count}`)
  const start = performance.now()
  const { tail, buffer } = follow(logs, queue, { env, bin })
  try {
    await until(queue, count * LINES, { env, bin })
    const found = (performance.now() - start) / 1000
    await sleep(2000)
    const idle = await during(tail, () => sleep(IDLE * 1000))
    const idleBytes = residentOf(tail.pid!)
    const written = await during(tail, () => write(logs))
    await until(queue, count * LINES + WRITTEN * RATE * FEW, { env, bin })
    return { found, idle, written, idleBytes, writtenBytes: residentOf(tail.pid!), peak: residentOf(tail.pid!, 'VmHWM') }
  } finally {
    tail.kill()
    await Promise.all([tail, buffer].map(ended))
  }
}

const nameOf = (logs: string, n: number): string => join(logs, `${String(n).padStart(5, '0')}.log`)

async function write(logs: string): Promise<void> {
  const start = performance.now()
  for (let round = 0; round < WRITTEN * RATE; round++) {
    for (let n = 0; n < FEW; n++) appendFileSync(nameOf(logs, n), LINE)
    await sleep(Math.max(0, start + ((round + 1) * 1000) / RATE - performance.now()))
  }
}

/** Until the queue holds so many events. */
export async function until(queue: string, events: number, { env, bin }: Pick<Files, 'env' | 'bin'>): Promise<void> {
  for (;;) {
    const stat = spawn(join(bin, 'flume-buffer'), ['--stat', '--json', queue], { env, stdio: ['ignore', 'pipe', 'ignore'] })
    const text = (await stat.stdout.setEncoding('utf8').toArray()).join('')
    if (text !== '' && (JSON.parse(text) as { next: number }).next >= events) return
    await sleep(100)
  }
}

/** The part of a core that the process took meanwhile. */
async function during({ pid }: ChildProcess, work: () => Promise<void>): Promise<number> {
  const [before, start] = [cpuOf(pid!), performance.now()]
  await work()
  return (cpuOf(pid!) - before) / ((performance.now() - start) / 1000)
}

/** s of user and system so far; /proc counts in hundredths. */
function cpuOf(pid: number): number {
  const times = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').pop()!.split(' ')
  return (Number(times[11]) + Number(times[12])) / 100
}

/** Bytes; `what`: of /proc/PID/status. */
export function residentOf(pid: number, what = 'VmRSS'): number {
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024
}

/** Of a node that does nothing. */
export async function floorResident(env: NodeJS.ProcessEnv, what?: string): Promise<number> {
  const node = spawn('node', ['-e', 'setInterval(() => {}, 1e6); console.log()'], { env, stdio: ['ignore', 'pipe', 'ignore'] })
  await once(node.stdout, 'data')
  const resident = residentOf(node.pid!, what)
  node.kill()
  await ended(node)
  return resident
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}
