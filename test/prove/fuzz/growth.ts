/**
 * Twice the input, twice the work: of each decoder with inputs that repeat something, by processor time, the least of several
 * runs, so that what else the machine does counts little.
 */
import { isRefusal, type Target } from './target.js'

/** Bytes of the smallest input, and of the largest that is tried to see more than noise. */
const SIZE_MIN = 16 * 1024
const SIZE_MAX = 512 * 1024
/** Below so many ms nothing is told apart. */
const NOISE = 4
/** Of the times for twice the size; some of it is noise and the collection of garbage. */
const RATIO_MAX = 2.5
const ROUNDS = 3
const UNITS = [
  ' ', '\n', '"', '\\', '[', ']', '{', '{"a":', '{"a":1,', '[[', '<', '<a>', '</a>', '(', 'not ', '%', '%{', '${', ':', '=', 'a=', 'a=b ', ',', ',"', '-', '.', '0', '9', 'a', 'a ', 'A.', '/', '@', 'a@a.', 'é', '\0', '\xff',
  '\\u0000', '""', '" "', '] "', ' [', 'x://', 'Bearer ', 'password=', '1:', 'StandbyException ',
]

/** The inputs for which the work grows faster than they do. */
export async function* grown(target: Target): AsyncGenerator<{ readonly input: string; readonly ratio: number }> {
  if (target.grows === false) return
  const seed = Buffer.from(target.seeds[0]!)
  const seeds = target.seeds.map((each) => Buffer.from(each)).filter((each) => each.length > 0)
  const shapes: (readonly [string, Buffer, Buffer, Buffer])[] = seeds.map((unit, n) => [`seed ${n} again and again`, Buffer.alloc(0), unit, Buffer.alloc(0)])
  for (const text of [...UNITS, ...(target.words ?? [])]) {
    const unit = Buffer.from(text, 'latin1')
    const middle = seed.length >> 1
    shapes.push([`${JSON.stringify(text)} again and again`, Buffer.alloc(0), unit, Buffer.alloc(0)])
    shapes.push([`${JSON.stringify(text)} in the middle of seed 0`, seed.subarray(0, middle), unit, seed.subarray(middle)])
    shapes.push([`${JSON.stringify(text)} behind seed 0`, seed, unit, Buffer.alloc(0)])
  }
  for (const [input, before, unit, behind] of shapes) {
    const ratio = await ratioOf(target, (size) => Buffer.concat([before, repeated(unit, size), behind]))
    if (ratio > RATIO_MAX) yield { input, ratio }
  }
}

function repeated(unit: Buffer, size: number): Buffer {
  return Buffer.alloc(Math.ceil(size / unit.length) * unit.length, unit)
}

/** Time for twice the size through that for the size, at the first size where both are more than noise; the least that was seen. */
async function ratioOf(target: Target, make: (size: number) => Buffer): Promise<number> {
  let least = Infinity
  for (let size = SIZE_MIN; size <= SIZE_MAX; size *= 2) {
    const one = await timeOf(target, make(size))
    const two = one < NOISE ? 0 : await timeOf(target, make(2 * size))
    if (one < NOISE) continue
    least = Math.min(least, two / one)
    if (least <= RATIO_MAX) return least
    if (two > 400) break
  }
  return least === Infinity ? 0 : least
}

/** ms of processor time, the least of a few runs. */
async function timeOf(target: Target, input: Buffer): Promise<number> {
  let least = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const began = process.cpuUsage()
    try {
      await target.take(input)
    } catch (error) {
      if (!isRefusal(error)) throw new Error(`${target.name} does not take ${input.length} bytes: ${input.toString('latin1', 0, 40)}`, { cause: error })
    }
    const { user, system } = process.cpuUsage(began)
    least = Math.min(least, (user + system) / 1000)
    if (least < NOISE) break
  }
  return least
}
