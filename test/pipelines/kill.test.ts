/**
 * The whole line under kill -9: a random stage at a random moment, again and again, while the log is appended to and
 * rotated. In the end each numbered line is in the target exactly once. FLUME_KILLS and FLUME_SEED choose how often and
 * which; `npm run prove` kills more. Not tested here: loss of power (test/channel does, on a disk that forgets).
 */
import { spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { commandEnvironment, shell } from '../support/shell.js'

const KILLS = Number(process.env.FLUME_KILLS ?? 20)
const SEED = Number(process.env.FLUME_SEED ?? Date.now() % 1_000_000)
const STAGES = ['flume-tail', 'flume-buffer', 'flume-sink-hdfs'] as const
/** ms; only a line that hangs takes so long. */
const PATIENCE = 60_000

/** xorshift32: the same kills again from the same seed, as far as the machine allows. */
function random(seed: number): (below: number) => number {
  let state = seed | 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** A program that writes numbered lines to app.log and has it rotated, in each of the usual ways. */
class Log {
  count = 0
  #rotations = 0

  constructor(
    readonly directory: string,
    readonly pick: (below: number) => number,
  ) {}

  append(lines: number): void {
    let text = ''
    for (let n = 0; n < lines; n++) text += `line ${this.count++} ${'x'.repeat(this.pick(120))}\n`
    fs.appendFileSync(this.#path, text)
  }

  rotate(): void {
    const rotated = `${this.#path}.${++this.#rotations}`
    if (this.pick(2) === 0) return fs.renameSync(this.#path, rotated)
    fs.copyFileSync(this.#path, rotated)
    fs.truncateSync(this.#path)
  }

  get #path(): string {
    return join(this.directory, 'app.log')
  }
}

const running = (directory: string, line: string): { ended: Promise<unknown>; group: number } => {
  const child = spawn('env', ['-u', 'NODE_OPTIONS', 'bash', '-c', line], {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'ignore', fs.openSync(join(directory, 'err'), 'a')],
    env: commandEnvironment(directory),
  })
  return { ended: new Promise((resolve) => child.on('close', resolve)), group: child.pid! }
}

/** The pid of a stage in a process group, when it has come so far as to be node. */
function pidOf(stage: string, group: number): number | undefined {
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const [, , , , pgrp] = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/\(.*\)/s, 'x').split(' ')
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      if (Number(pgrp) === group && words[1]?.endsWith(`/${stage}`)) return Number(pid)
    } catch {
      continue // it has ended meanwhile
    }
  }
  return undefined
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const patience = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, PATIENCE).unref())

function delivered(directory: string): Map<number, number> {
  const times = new Map<number, number>()
  for (const name of fs.readdirSync(join(directory, 'out'), { recursive: true, encoding: 'utf8' })) {
    const path = join(directory, 'out', name)
    if (!fs.statSync(path).isFile()) continue
    for (const line of fs.readFileSync(path, 'utf8').split('\n').filter(Boolean)) {
      const number = Number(/^line (\d+) x*$/.exec(line)?.[1] ?? NaN)
      times.set(number, (times.get(number) ?? 0) + 1)
    }
  }
  return times
}

t.test(`${KILLS} kills of random stages leave each line exactly once (seed ${SEED})`, { timeout: 3_600_000 }, async (t) => {
  const directory = t.testdir({})
  const pick = random(SEED)
  const log = new Log(directory, pick)
  const target = "flume-sink-hdfs --path 'out/%H' --roll-interval 100ms"
  log.append(1000)
  for (let kill = 0; kill < KILLS; kill++) {
    const { ended, group } = running(directory, `flume-tail 'app.log*' | flume-buffer q | ${target}`)
    const victim = STAGES[pick(STAGES.length)]!
    const moment = Date.now() + pick(900)
    for (;;) {
      log.append(pick(300))
      if (pick(8) === 0) log.rotate()
      if (Date.now() >= moment) break
      await wait(pick(40))
    }
    const pid = pidOf(victim, group)
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
    else process.kill(-group, 'SIGKILL')
    const fell = await Promise.race([ended.then(() => true), patience().then(() => false)])
    if (!fell) process.kill(-group, 'SIGKILL')
    if (!t.ok(fell, `the line falls when ${victim} is killed`)) break
  }
  const last = await shell(`flume-tail --once 'app.log*' | flume-buffer q | ${target}; echo "\${PIPESTATUS[*]}"`, directory)
  t.equal(last.out, '0 0 0\n', last.err)
  const times = delivered(directory)
  const missing = Array.from({ length: log.count }, (_, n) => n).filter((n) => !times.has(n))
  const twice = [...times].filter(([, count]) => count > 1).map(([n]) => n)
  t.strictSame({ missing, twice, others: times.has(NaN) }, { missing: [], twice: [], others: false }, fs.readFileSync(join(directory, 'err'), 'utf8').slice(-4000))
  const left = fs.readdirSync(join(directory, 'out'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp'))
  t.strictSame(left, [], 'no .tmp is left')
})
