/**
 * Eight times the input for about eight times the work, and not for 64 times: of each decoder with inputs that repeat something, by processor time,
 * so that what else the machine does counts little.
 */
import { isRefusal, type Target } from './target.js'

/** Each so many times the one before it, in bytes: the first so small that nothing hangs, the last so large that the work is more than noise. */
const SIZES = [16 * 1024, 128 * 1024, 1024 * 1024]
const FACTOR = 8
/** Less than so many ms counts as so many. */
const NOISE = 1
/** Above FACTOR are page faults, caches and the collection of garbage. */
const RATIO_MAX = 20
const ROUNDS = 4
const UNITS = [
  ' ', '\n', '"', '\\', '[', ']', '{', '{"a":', '{"a":1,', '[[', '<', '<a>', '</a>', '(', 'not ', '%', '%{', '${', ':', '=', 'a=', 'a=b ', ',', ',"', '-', '.', '0', '9', 'a', 'a ', 'A.', '/', '@', 'a@a.', 'é', '\0', '\xff',
  '\\u0000', '""', '" "', '] "', ' [', 'x://', 'Bearer ', 'password=', '1:', 'StandbyException ',
]

/** The inputs for which the work grows faster than they do. `tell` is called after each. */
export async function* grown(target: Target, tell: () => void): AsyncGenerator<{ readonly input: string; readonly ratio: number }> {
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
    tell()
  }
}

function repeated(unit: Buffer, size: number): Buffer {
  return Buffer.alloc(Math.ceil(size / unit.length) * unit.length, unit)
}

/** Time for an input through that for an eighth of it, where it was most; of what looks bad the least of several tries. */
async function ratioOf(target: Target, make: (size: number) => Buffer): Promise<number> {
  let most = 0
  let before = NOISE
  for (const [index, size] of SIZES.entries()) {
    const now = await timeOf(target, make(size))
    let ratio = index === 0 ? 0 : now / Math.max(before, NOISE)
    for (let more = 1; more < ROUNDS && ratio > RATIO_MAX; more++) {
      const less = await timeOf(target, make(size / FACTOR))
      ratio = Math.min(ratio, (await timeOf(target, make(size))) / Math.max(less, NOISE))
    }
    most = Math.max(most, ratio)
    if (most > RATIO_MAX) break
    before = now
  }
  return most
}

/** ms of processor time. */
async function timeOf(target: Target, input: Buffer): Promise<number> {
  const began = process.cpuUsage()
  try {
    await target.take(input)
  } catch (error) {
    if (!isRefusal(error)) throw new Error(`${target.name} does not take ${input.length} bytes: ${input.toString('latin1', 0, 40)}`, { cause: error })
  }
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000
}
