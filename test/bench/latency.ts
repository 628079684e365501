/**
 * npm run bench -- latency: a thousand lines a second are appended to a log, one by one; how long each takes until it has come out of
 * flume-buffer, where it is synced before that. Beside it tail and tee, which sync nothing. Then what the two stages cost while nothing
 * is written; and how long it takes from typing until the first line is out.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import split2 from 'split2'
import { cpuOf } from './shell.js'
import { cell, median } from './table.js'

export interface Latency {
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
  readonly bin: string
  readonly rounds: number
}

/** One line each ms: so many while V8 has yet to optimize, and then so many. */
const FIRST = 5000
const COUNT = 10_000
const LINE_SIZE = 200
/** s without a line; before them it is still collecting garbage. */
const IDLE = 20
const REST = 30
const READY = 'ready'
const WIDTH = 20

export async function benchLatency({ directory, env, bin, rounds }: Latency): Promise<void> {
  const log = join(directory, 'growing.log')
  const around = { ...env, LOG: log, Q: join(directory, 'growing') }
  const start = (script: string): ChildProcess => spawn('bash', ['-c', script], { env: around, stdio: ['ignore', 'pipe', 'inherit'], detached: true })
  const lines = { 'tail | tee': 'tail -n +1 -f "$LOG" | tee "$Q"', flume: '"$BIN/flume-tail" "$LOG" | "$BIN/flume-buffer" "$Q"' }
  console.log(`${'ms'.padEnd(WIDTH)}${['p50', 'p90', 'p99', 'max'].map((text) => cell(text)).join('')}`)
  for (const [name, script] of Object.entries(lines)) {
    for (const path of [log, around.Q]) rmSync(path, { recursive: true, force: true })
    writeFileSync(log, `${READY}\n`)
    const line = start(script)
    try {
      const delays = await delaysOf(line.stdout!, log)
      console.log(rowOf(`${name}, first`, delays.slice(0, FIRST)))
      console.log(rowOf(`${name}, then`, delays.slice(FIRST)))
      if (name === 'flume') console.log(`idle: ${(await idleOf(line.pid!)).join(', ')} of a core`)
    } finally {
      process.kill(-line.pid!, 'SIGTERM')
      await ended(line)
    }
  }
  await first({ directory, env, bin, rounds })
}

function rowOf(name: string, delays: readonly number[]): string {
  const sorted = delays.toSorted((a, b) => a - b)
  const at = (part: number): string => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!.toFixed(2)
  return name.padEnd(WIDTH) + [at(0.5), at(0.9), at(0.99), at(1)].map((text) => cell(text)).join('')
}

/** ms of each line, in the order written. */
async function delaysOf(out: Readable, log: string): Promise<number[]> {
  const delays: number[] = []
  const written: number[] = []
  const arrived = (line: string): void => {
    const number = /(?:^|"body":")(\d+) /.exec(line)
    if (number !== null) delays.push(performance.now() - written[Number(number[1])]!)
  }
  const lines = out.pipe(split2())
  await new Promise<void>((resolve) => lines.once('data', () => resolve()))
  lines.on('data', arrived)
  const fd = openSync(log, 'a')
  const begin = performance.now()
  for (let n = 0; n < FIRST + COUNT; n++) {
    while (performance.now() < begin + n) await sleep(1)
    const line = `${n} `.padEnd(LINE_SIZE, 'x')
    written[n] = performance.now()
    writeSync(fd, `${line}\n`)
  }
  closeSync(fd)
  while (delays.length < FIRST + COUNT) await sleep(10)
  return delays
}

/** The part of a core that each flume stage of this shell takes. */
async function idleOf(shell: number): Promise<string[]> {
  await sleep(REST * 1000)
  const pids = await childrenOf(shell)
  const before = pids.map(cpuOf)
  await sleep(IDLE * 1000)
  return pids.map((pid, index) => `${(((cpuOf(pid) - before[index]!) / IDLE) * 100).toFixed(2)} %`)
}

async function childrenOf(shell: number): Promise<number[]> {
  const ps = spawn('ps', ['-o', 'pid=', '--ppid', String(shell)], { stdio: ['ignore', 'pipe', 'inherit'] })
  return (await ps.stdout.setEncoding('utf8').toArray()).join('').trim().split(/\s+/).map(Number)
}

/** From typing until the first event is out of flume-buffer, and until a line is in its file and all three have ended. */
async function first({ directory, env, bin, rounds }: Latency): Promise<void> {
  const log = join(directory, 'short.log')
  appendFileSync(log, 'one line\n')
  const script = '"$BIN/flume-tail" --once "$LOG" | "$BIN/flume-buffer" "$Q"'
  const [out, all]: [number[], number[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const [times, rest] of [[out, ''], [all, ' | "$BIN/flume-sink-hdfs" --path "file://$Q/out"']] as const) {
      const queue = join(directory, `first-${round}${rest === '' ? '' : '-all'}`)
      const begin = performance.now()
      const line = spawn('bash', ['-c', script + rest], { env: { ...env, BIN: bin, LOG: log, Q: queue }, stdio: ['ignore', 'pipe', 'ignore'] })
      if (rest === '') await once(line.stdout, 'data')
      else await ended(line)
      times.push(performance.now() - begin)
      await ended(line)
    }
  }
  const text = (times: readonly number[]): string => `${Math.min(...times).toFixed(0)} ms at best, ${median(times).toFixed(0)} in the middle`
  console.log(`from typing: first event out of flume-buffer ${text(out)}; a line through all three, to their end ${text(all)}`)
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}
