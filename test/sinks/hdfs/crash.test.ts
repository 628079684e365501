/**
 * The guarantee, at each step: the process is killed, or the power lost, at every call that changes the disk; what was
 * acked is in place then, and after a replay everything is, once. Known gap: a reader that takes a file away between its
 * name and the record of it, while the sink is dead, gets it again; so here readers take only what is recorded.
 */
import t from 'tap'
import { chooser, MemoryDisk, type Choose } from '../../support/memory-disk.js'
import { FakeClock } from '../../support/clock.js'
import { Sinking, TIME, filesBelow, frame, optionsOf } from '../../support/sinking.js'
import { decodeName } from '../../../src/sinks/hdfs/name.js'
import type { Batch } from '../../../src/events/batch.js'

const FRAMES = 9
const SIZE = 5
const END = FRAMES * SIZE
const bucketOf = (n: number): string => ['a', 'b', 'a', 'c', 'a', 'b', 'b'][(n * n) % 7] as string

/** Frames of events 0..END-1, each in its bucket; from the one that begins at `first`. Some events were dropped on the way. */
function framesFrom(first: number): Batch[] {
  return Array.from({ length: FRAMES }, (_, f) => f * SIZE)
    .filter((begin) => begin >= first)
    .map((begin) => {
      const numbers = Array.from({ length: SIZE }, (_, n) => begin + n).filter((n) => !isDropped(n))
      return frame(begin, numbers.map((n) => ({ headers: { k: bucketOf(n) }, body: String(n) })), { to: { offset: begin + SIZE } })
    })
}

function isDropped(n: number): boolean {
  return n % 11 === 3 || (n >= 20 && n < 25)
}

const options = optionsOf('', { path: '/out/%{k}', rollCount: 6, openFilesMax: 2, spool: '/state/spool' })

/** Numbers in files with final names. */
async function numbersIn(disk: MemoryDisk, ...directories: string[]): Promise<number[]> {
  const numbers: number[] = []
  for (const directory of directories) {
    const files = disk.find(directory) === undefined ? {} : await filesBelow(directory, disk.boot())
    for (const [path, text] of Object.entries(files)) {
      if (decodeName(path.slice(path.lastIndexOf('/') + 1)) === undefined) continue
      for (const line of text.split('\n').slice(0, -1)) numbers.push(Number(line))
    }
  }
  return numbers.sort((a, b) => a - b)
}

const ALL = Array.from({ length: END }, (_, n) => n).filter((n) => !isDropped(n))

/** Runs until the end, or until the plan ends the process; returns the last ack. */
async function run(disk: MemoryDisk, first: number): Promise<number> {
  const sinking = new Sinking(options, framesFrom(first), disk.boot(), new FakeClock(TIME))
  const error = await Promise.race([sinking.ended, disk.ended])
  if (error instanceof Error) throw error
  return sinking.offsets.at(-1) ?? first
}

interface Plan {
  readonly step: number
  /** Undefined: kill -9. */
  readonly power: Choose | undefined
  /** The step of the next run at which it dies again. */
  readonly again?: number
  readonly lostAck?: boolean
}

/** What is wrong after this plan; undefined: nothing. */
async function outcome({ step, power, again, lostAck = false }: Plan): Promise<string | undefined> {
  const disk = new MemoryDisk()
  disk.plan = { step, failure: 'end' }
  let acked = 0
  for (const next of [again, undefined]) {
    const from = acked
    acked = await run(disk, from)
    if (power === undefined) disk.kill()
    else disk.losePower(power)
    const there = new Set(await numbersIn(disk, '/out'))
    const missing = ALL.filter((n) => n < acked && !there.has(n))
    if (missing.length > 0) return `acked to ${acked}, and ${missing.join()} not in place`
    if (lostAck) acked = from
    if (next !== undefined) disk.plan = { step: disk.steps + next, failure: 'end' }
  }
  acked = await run(disk, acked)
  const numbers = await numbersIn(disk, '/out')
  if (numbers.join() !== ALL.join()) return `in place: ${numbers.join()}`
  if (acked !== END) return `acked to ${acked}`
  const left = Object.keys(await filesBelow('/out', disk.boot())).filter((name) => name.endsWith('.tmp'))
  return left.length > 0 ? `left: ${left.join()}` : undefined
}

/** Steps of a run that nothing stops. */
async function stepsOf(): Promise<number> {
  const disk = new MemoryDisk()
  await run(disk, 0)
  return disk.steps
}

t.test('killed at each step: what is acked is in place, and all of it is once after a replay', async (t) => {
  const steps = await stepsOf()
  t.ok(steps > 50, `${steps} steps`)
  for (let step = 1; step <= steps; step++) {
    for (const lostAck of [false, true]) {
      const wrong = await outcome({ step, power: undefined, lostAck })
      if (wrong !== undefined) t.fail(`killed at step ${step}${lostAck ? ', acks lost' : ''}: ${wrong}`)
    }
  }
})

t.test('without power at each step: the same, whatever was not synced is lost, kept or torn', async (t) => {
  const steps = await stepsOf()
  for (let step = 1; step <= steps; step++) {
    for (let seed = 0; seed < 3; seed++) {
      const wrong = await outcome({ step, power: chooser(step * 100 + seed), lostAck: seed % 2 === 1 })
      if (wrong !== undefined) t.fail(`no power at step ${step}, seed ${seed}: ${wrong}`)
    }
  }
})

t.test('stopped again while it recovers: the same', async (t) => {
  const steps = await stepsOf()
  for (let step = 1; step <= steps; step++) {
    for (let again = 1 + (step % 20); again < 60; again += 20) {
      const wrong = await outcome({ step, power: again % 2 === 0 ? chooser(step * 1000 + again) : undefined, again, lostAck: again % 3 === 0 })
      if (wrong !== undefined) t.fail(`stopped at step ${step}, and at step ${again} after that: ${wrong}`)
    }
  }
})

t.test('files that are recorded may be taken away at any time: nothing comes twice', async (t) => {
  const steps = await stepsOf()
  for (let step = 1; step <= steps; step++) {
    const disk = new MemoryDisk()
    disk.plan = { step, failure: 'end' }
    await run(disk, 0)
    disk.kill()
    const view = disk.boot()
    await view.makeDirectory('/taken')
    const record = disk.find('/state/spool') === undefined ? {} : await filesBelow('/state/spool', view)
    const whole = Object.values(record).join('').split('\n').slice(0, -1)
    const done = new Set(whole.filter((line) => line.startsWith('{"step":"done"')).map((line) => (JSON.parse(line) as { path: string }).path))
    const there = disk.find('/out') === undefined ? {} : await filesBelow('/out', view)
    for (const name of Object.keys(there)) if (done.has(`/out/${name}`)) await view.rename(`/out/${name}`, `/taken/${name.replace('/', '-')}`)
    await run(disk, 0)
    const numbers = (await numbersIn(disk, '/out', '/taken')).join()
    if (numbers !== ALL.join()) t.fail(`step ${step}: ${numbers}`)
  }
})

t.test('any call that fails with EIO or ENOSPC: nothing is lost or written twice, and the next run completes it', async (t) => {
  const whole = new MemoryDisk()
  await run(whole, 0)
  for (let call = 1; call <= whole.calls; call++) {
    for (const failure of ['EIO', 'ENOSPC'] as const) {
      const disk = new MemoryDisk()
      disk.plan = { call, failure }
      const clock = new FakeClock(TIME)
      const sinking = new Sinking(options, framesFrom(0), disk.boot(), clock)
      let over = false
      void sinking.ended.then(() => (over = true))
      while (!over) {
        await new Promise((resolve) => setImmediate(resolve))
        if (clock.sleeping > 0) clock.advance(100)
      }
      const error = await sinking.ended
      const acked = sinking.offsets.at(-1) ?? 0
      if (error === undefined && acked !== END) t.fail(`${failure} at call ${call}: acked to ${acked}`)
      disk.losePower(chooser(call))
      if ((await run(disk, acked)) !== END) t.fail(`${failure} at call ${call}: the next run`)
      const numbers = (await numbersIn(disk, '/out')).join()
      if (numbers !== ALL.join()) t.fail(`${failure} at call ${call} (${String(error)}): ${numbers}`)
    }
  }
})
