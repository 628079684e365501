/**
 * npm run bench -- spool [--files N] [--done WAY]...: a directory of N small files, read once, for each way of setting them aside: files a
 * second over all, in the first tenth and in the last, and memory of flume-spool after the first tenth and at most. Then what
 * the directory costs that stays behind, all of its files done: the processor while nothing happens, and until a file that is
 * dropped into it is in the queue. Beside it the floor: cat of all files to one, and a rename of each.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, kilobytes, textOf } from './shell.js'
import { cell, median } from './table.js'

export interface SpoolBench {
  readonly directory: string
  /** Has D and BIN. */
  readonly env: NodeJS.ProcessEnv
  readonly bin: string
  readonly files: number
  readonly ways: readonly string[]
}

const LINES = 3
const LINE = `${'-'.repeat(99)}\n`
/** ms between two looks at the size of the queue: each file takes the same in it. */
const LOOK = 50
/** s that are looked at while nothing happens. */
const IDLE = 10
const DROPS = 5
/** Of --done. */
export const WAYS = ['.COMPLETED', './done', 'delete', 'none']
const TITLES = ['files/s', 'first 10%', 'last 10%', 'cpu s', 'MB at 10%', 'peak MB', 'idle %', 'drop ms']

interface Look {
  readonly time: number
  readonly bytes: number
  readonly resident: number
}

export async function benchSpool(bench: SpoolBench): Promise<void> {
  console.log(`${bench.files} files of ${LINES} lines; node ${process.version}`)
  console.log(' '.repeat(12) + TITLES.map((text) => cell(text)).join(''))
  drop(bench)
  console.log('cat, mv'.padEnd(12) + cell((bench.files / floor(bench)).toFixed(0)))
  for (const way of bench.ways) {
    drop(bench)
    const cells = [...(await read(bench, way)), ...(await stay(bench, way))]
    console.log(way.padEnd(12) + cells.map((value, index) => cell(index === 3 || index > 5 ? value.toFixed(1) : value.toFixed(0))).join(''))
  }
}

function drop({ directory, files }: SpoolBench): void {
  for (const name of ['in', 'done', 'q', 'state', 'home']) rmSync(join(directory, name), { recursive: true, force: true })
  mkdirSync(join(directory, 'in'))
  for (let n = 0; n < files; n++) finished(join(directory, 'in', `${String(n).padStart(7, '0')}.log`), 1e9 + n)
  execFileSync('sync')
}

function finished(path: string, time: number): void {
  writeFileSync(path, LINE.repeat(LINES))
  utimesSync(path, time, time)
}

/** s that the plainest program takes for the same. */
function floor({ env, directory }: SpoolBench): number {
  const start = performance.now()
  execFileSync('bash', ['-c', 'find "$D/in" -type f -print0 | sort -z | xargs -0 cat > "$D/home.q" && sync "$D/home.q"'], { env })
  for (const name of readdirSync(join(directory, 'in'))) renameSync(join(directory, 'in', name), join(directory, 'in', `${name}.COMPLETED`))
  execFileSync('sync', [join(directory, 'in')])
  return (performance.now() - start) / 1000
}

async function read(bench: SpoolBench, way: string): Promise<number[]> {
  const { directory, files } = bench
  const looks: Look[] = []
  const start = performance.now()
  const line = await begin(bench, `--once --done ${way}`)
  let cpu = 0
  const looking = setInterval(() => {
    cpu = cpuOf(line.pid) || cpu
    looks.push({ time: performance.now() - start, bytes: sizeOf(join(directory, 'q', 'segments')), resident: kilobytes(textOf(`/proc/${line.pid}/status`), 'VmRSS') })
  }, LOOK)
  await line.ended
  clearInterval(looking)
  const wall = performance.now() - start
  const all = sizeOf(join(directory, 'q', 'segments'))
  const at = (part: number): Look => looks.find(({ bytes }) => bytes >= part * all) ?? looks.at(-1)!
  const begun = looks.find(({ bytes }) => bytes > 0)!.time
  const peak = Math.max(...looks.map(({ resident }) => resident))
  const tenth = (files / 10) * 1000
  return [(files / wall) * 1000, tenth / (at(0.1).time - begun), tenth / (at(1).time - at(0.9).time), cpu, at(0.1).resident / 1e6, peak / 1e6]
}

/** It follows what is there, all of which is done, and files that come. */
async function stay(bench: SpoolBench, way: string): Promise<number[]> {
  const { directory } = bench
  const segments = join(directory, 'q', 'segments')
  const line = await begin(bench, `--done ${way}`)
  try {
    await sleep(5000)
    const [before, start] = [cpuOf(line.pid), performance.now()]
    await sleep(IDLE * 1000)
    const idle = (cpuOf(line.pid) - before) / ((performance.now() - start) / 1000)
    const times: number[] = []
    for (let n = 0; n < DROPS; n++) {
      const bytes = sizeOf(segments)
      const dropped = performance.now()
      finished(join(directory, 'new'), 1e9)
      renameSync(join(directory, 'new'), join(directory, 'in', `new${n}.log`))
      while (sizeOf(segments) === bytes) await sleep(2)
      times.push(performance.now() - dropped)
      await sleep(500)
    }
    return [idle * 100, median(times)]
  } finally {
    process.kill(line.pid)
    await line.ended
  }
}

interface Running {
  /** Of flume-spool. */
  readonly pid: number
  readonly ended: Promise<unknown>
}

/** A pipe of the shell, as Node's own are none. */
async function begin({ directory, env }: SpoolBench, options: string): Promise<Running> {
  const script = `set -o pipefail; { echo $BASHPID >&3; exec 3>&- "$BIN/flume-spool" ${options} in; } | "$BIN/flume-buffer" --put q 3>&-`
  const shell = spawn('bash', ['-c', script], { cwd: directory, env, stdio: ['ignore', 'ignore', options.includes('--once') ? 'inherit' : 'ignore', 'pipe'] })
  const ended = once(shell, 'exit')
  const [pid] = (await once(shell.stdio[3]!, 'data')) as [Buffer]
  return { pid: Number(pid), ended }
}

function sizeOf(segments: string): number {
  try {
    return readdirSync(segments).reduce((sum, name) => sum + statSync(join(segments, name)).size, 0)
  } catch {
    return 0
  }
}
