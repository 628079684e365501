/**
 * npm run prove:soak -- [--minutes N] [--kills N] [--seed S] [--keep]
 *
 * Lines at work for a long time, in every kind of trouble: stages killed and stopped at random, logs rotated, the disk of the queue
 * filled to the last byte and emptied, the target forbidden and allowed again. A third line goes untroubled beside them, and shows whether memory
 * and descriptors grow. At the end a receipt: each line of each writer in each target, once and in order. Exit 1 where that is not so, or where
 * there were not so many kills (100 a minute) within three times so many minutes.
 * Root runs it in mounts of its own, with a small disk for the queue; who may not mount has no small disk, which is said.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { randomOf } from '../../support/numbered-log.js'
import { pause } from '../../support/running.js'
import { Line } from './line.js'
import { Writer, receiptOf } from './writers.js'

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, kills: { type: 'string' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) }, keep: { type: 'boolean', default: false } },
})
const root = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0
if (root && process.env['FLUME_SOAK_INSIDE'] === undefined) {
  const again = ['--mount', process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const { status } = spawnSync('unshare', again, { stdio: 'inherit', env: { ...process.env, FLUME_SOAK_INSIDE: '1' } })
  process.exit(status ?? 1)
}

const UID = 54321
const seed = Number(values.seed)
const pick = randomOf(seed)
const directory = mkdtempSync(join(tmpdir(), 'flume-soak-'))
const before = root ? ['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups'] : []
const DIRECTORIES = ['logs', 'disk', 'whole', 'apart', 'calm']
for (const name of DIRECTORIES) mkdirSync(join(directory, name))
const disk = join(directory, 'disk')
if (root) {
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=777', 'tmpfs', disk])
  spawnSync('chown', ['-R', `${UID}:${UID}`, directory])
}

const sink = (target: string): string => `flume-sink-hdfs --path ${target}/out --roll-interval 200ms`
const tail = "flume-tail --open-files-max 20 'logs/*.log*'" // else each rotated file stays open for an hour
const line = (text: string): Line => new Line(text, directory, before)
const whole = line(`${tail} | flume-buffer whole/q | ${sink('whole')}`)
const put = line(`${tail} | flume-buffer --put --size-max 16M disk/q`)
const take = line(`flume-buffer disk/q </dev/null | ${sink('apart')}`)
const calm = line(`${tail} | flume-buffer calm/q | ${sink('calm')}`)
const writers = ['w0', 'w1', 'w2'].map((name) => new Writer(join(directory, `logs/${name}.log`), name, pick))
const counts = { kills: 0, stops: 0, fills: 0, outages: 0, hangs: 0 }
const killed: Record<string, number> = {}
const span = Number(values.minutes) * 60_000
const kills = Number(values.kills ?? Math.floor(100 * Number(values.minutes)))
const began = Date.now()

function goesOn(): boolean {
  const gone = Date.now() - began
  return gone < span || (counts.kills < kills && gone < 3 * span)
}

async function write(): Promise<void> {
  let turn = 0
  while (goesOn()) {
    for (const writer of writers) writer.append(pick(40))
    if (++turn % 50 === 0) writers[pick(writers.length)]!.rotate()
    await pause(20 + pick(60))
  }
}

/** Kills a stage, or stops one for a while; whatever happens, the line is started again. */
async function torment(line: Line): Promise<void> {
  while (goesOn()) {
    if (!line.running) line.start()
    await pause(pick(1200))
    const stages = line.stages()
    const victim = stages[pick(Math.max(stages.length, 1))]
    if (victim === undefined) continue
    if (pick(6) === 0) {
      counts.stops++
      send(victim.pid, 'SIGSTOP')
      await pause(pick(2000))
      send(victim.pid, 'SIGCONT')
    }
    if (!send(victim.pid, 'SIGKILL')) continue
    counts.kills++
    killed[victim.command] = (killed[victim.command] ?? 0) + 1
    if (await line.falls()) continue
    counts.hangs++
    line.signal('SIGKILL')
    await line.falls()
  }
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false // it has ended by itself
  }
}

/** The disk of the queue is filled to its last byte, the target may not be entered: each for a while. */
async function starve(): Promise<void> {
  while (goesOn()) {
    await pause(3000 + pick(5000))
    if (root && pick(2) === 0) {
      counts.fills++
      spawnSync('dd', ['if=/dev/zero', `of=${disk}/ballast`, 'bs=64k'], { stdio: 'ignore' })
      await pause(pick(3000))
      rmSync(join(disk, 'ballast'))
    } else {
      counts.outages++
      chmodSync(join(directory, 'apart'), 0)
      await pause(pick(3000))
      chmodSync(join(directory, 'apart'), 0o700)
    }
  }
}

interface Sample {
  readonly command: string
  readonly bytes: number
  readonly descriptors: number
}
const samples: Sample[][] = []
/** One each second; from fewer nothing can be said. */
const SAMPLES_MIN = 60

async function observe(): Promise<void> {
  while (goesOn()) {
    await pause(1000)
    samples.push(calm.stages().map(({ pid, command }) => {
      const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
      return { command, bytes: pages * 4096, descriptors: readdirSync(`/proc/${pid}/fd`).length }
    }))
  }
}

/** The untroubled line in the last third of the time beside the second one: memory by at most a quarter and 16 MiB more, descriptors by at most 16. */
function growth(): string[] {
  if (samples.length < SAMPLES_MIN) return []
  const third = Math.floor(samples.length / 3)
  const most = (part: Sample[][], command: string, of: 'bytes' | 'descriptors'): number => Math.max(0, ...part.flat().filter((one) => one.command === command).map((one) => one[of]))
  return ['flume-tail', 'flume-buffer', 'flume-sink-hdfs'].flatMap((command) => {
    const [middle, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)]
    const [bytes, now] = [most(middle, command, 'bytes'), most(last, command, 'bytes')]
    const [open, opened] = [most(middle, command, 'descriptors'), most(last, command, 'descriptors')]
    console.log(`${command}, untroubled: at most ${Math.round(bytes / 1e6)} MB then ${Math.round(now / 1e6)} MB, ${open} then ${opened} descriptors`)
    return now > bytes * 1.25 + 16 * 1024 * 1024 || opened > open + 16 || now === 0 ? [`${command} grows`] : []
  })
}

/** All that is left, by lines that end; they may need a second go where the first meets the end of a killed one. */
async function drain(): Promise<string[]> {
  const wrong: string[] = []
  calm.signal('SIGTERM')
  await calm.falls()
  if (calm.starts > 1) wrong.push(`the untroubled line fell ${calm.starts - 1} times`)
  take.start() // a full queue takes the rest only while it is emptied
  for (const [name, last] of [['whole', `${whole.text}`], ['disk', put.text], ['apart', take.text], ['calm', calm.text]] as const) {
    if (name === 'apart') {
      take.signal('SIGTERM')
      await take.falls()
    }
    const text = last.replace('flume-tail', 'flume-tail --once').replace('flume-buffer disk/q', 'flume-buffer --once disk/q')
    const once = line(text)
    once.start()
    if (!(await once.falls(300_000)) || once.status !== 0) wrong.push(`the last run of ${name} ended with ${once.status}`)
    once.signal('SIGKILL')
  }
  return wrong
}

async function soak(): Promise<boolean> {
  console.log(`seed ${seed}, ${values.minutes} minutes, in ${directory}${root ? '' : '; not root: the disk of the queue is never full'}`)
  for (const writer of writers) writer.append(100)
  calm.start()
  await Promise.all([write(), torment(whole), torment(put), torment(take), starve(), observe()])
  for (const each of [whole, put, take]) {
    each.signal('SIGKILL')
    await each.falls()
  }
  const wrong = [...growth(), ...(await drain())]
  const rotations = writers.reduce((sum, writer) => sum + writer.rotated.length, 0)
  console.log(`${((Date.now() - began) / 60_000).toFixed(1)} minutes, ${counts.kills} kills (${Object.entries(killed).map(([name, count]) => `${name} ${count}`).join(', ')}), ${counts.stops} stops, ` +
    `${rotations} rotations, ${counts.fills} times a full disk, ${counts.outages} times no target, ${counts.hangs} hangs`)
  if (counts.kills < kills) wrong.push(`there were only ${counts.kills} kills`)
  if (counts.hangs > 0) wrong.push(`${counts.hangs} times a line did not fall within 90 s`)
  for (const name of ['whole', 'apart', 'calm']) {
    const { lines, lost, twice, unordered, strange } = receiptOf(join(directory, name, 'out'), writers)
    console.log(`${name}: ${lines} lines, lost ${lost}, twice ${twice}, out of order ${unordered}, strange ${strange.length}`)
    if (lost + twice + unordered + strange.length > 0) wrong.push(`${name}: ${strange.slice(0, 3).join('; ')}`)
  }
  for (const each of wrong) console.log(`WRONG: ${each}`)
  return wrong.length === 0
}

const fine = await soak()
if (fine && !values.keep) {
  if (root) spawnSync('umount', [disk])
  rmSync(directory, { recursive: true })
} else {
  const err = join(directory, 'err')
  if (existsSync(err)) writeFileSync(join(directory, 'err.tail'), readFileSync(err).subarray(-20_000))
}
process.exitCode = fine ? 0 : 1
