/**
 * Eight times the input for about eight times the work, and not for 64 times: of each decoder with inputs that repeat something, by processor time,
 * so that what else the machine does counts little. What takes more is looked at more closely: work that grows with the square of the input is four times as
 * much at each doubling, while another way of doing it from some size on, new blocks of memory or a collection of garbage show at one of them.
 */
import { isRefusal, type Target } from './target.js'

/** Each so many times the one before it, in bytes: the first so small that nothing hangs, the last so large that the work is more than noise. */
const SIZES = [16 * 1024, 128 * 1024, 1024 * 1024]
const FACTOR = 8
/** Less than so many ms counts as so many. */
const NOISE = 1
/** Three times at each doubling, between twice and four times. In proportion, and yet more than twice, is what page faults, caches and garbage come to. */
const RATIO_MAX = 3 ** 3
/** Of an input that is looked at more closely the least work counts. */
const ROUNDS = 4
/** ms of processor. */
export type Clock = () => number

export interface Grown {
  readonly input: string
  readonly ratio: number
}

const UNITS = [
  ' ', '\n', '"', '\\', '[', ']', '{', '{"a":', '{"a":1,', '[[', '<', '<a>', '</a>', '(', 'not ', '%', '%{', '${', ':', '=', 'a=', 'a=b ', ',', ',"', '-', '.', '0', '9', 'a', 'a ', 'A.', '/', '@', 'a@a.', 'é', '\0', '\xff',
  '\\u0000', '""', '" "', '] "', ' [', 'x://', 'Bearer ', 'password=', 'password="', 'password=\\"', '1:', 'StandbyException ',
]

/** The inputs for which the work grows faster than they do, and how much of it the eightfold takes. `tell` is called before each. */
export async function* grown(target: Target, tell: (input: string) => void, clock: Clock = processor): AsyncGenerator<Grown> {
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
    tell(input)
    const work = (size: number): Promise<number> => workOf(target, Buffer.concat([before, repeated(unit, size), behind]), clock)
    const ratio = await ratioOf(work)
    if (ratio > RATIO_MAX) yield { input, ratio }
  }
}

function repeated(unit: Buffer, size: number): Buffer {
  return Buffer.alloc(Math.ceil(size / unit.length) * unit.length, unit)
}

type Work = (size: number) => Promise<number>

/** Work for eight times the input through that for the input, where it is most. */
async function ratioOf(work: Work): Promise<number> {
  let before = Infinity
  for (const size of SIZES) {
    const now = await work(size)
    if (now / Math.max(before, NOISE) > RATIO_MAX) {
      const ratio = await steadyRatioOf(work, size / FACTOR)
      if (ratio > RATIO_MAX) return ratio
    }
    before = now
  }
  return 0
}

/** For eight times this size, were each of the three doublings to it as the middle one of them. */
async function steadyRatioOf(work: Work, size: number): Promise<number> {
  const least = [1, 2, 4, FACTOR].map((times) => ({ size: times * size, work: Infinity }))
  for (let round = 0; round < ROUNDS; round++) {
    for (const each of least) each.work = Math.min(each.work, await work(each.size))
  }
  const doublings = least.slice(1).map((each, n) => Math.max(each.work, NOISE) / Math.max(least[n]!.work, NOISE))
  return doublings.sort((one, other) => one - other)[1]! ** doublings.length
}

async function workOf(target: Target, input: Buffer, clock: Clock): Promise<number> {
  const began = clock()
  try {
    await target.take(input)
  } catch (error) {
    if (!isRefusal(error)) throw new Error(`${target.name} does not take ${input.length} bytes: ${input.toString('latin1', 0, 40)}`, { cause: error })
  }
  return clock() - began
}

function processor(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
