/** Many inputs through each decoder: real ones with a few changes. A seed makes the same ones again. */
import { mutated } from '../../support/log-lines.js'
import { numbersFrom } from '../../support/ndjson.js'
import { holds, isRefusal, type Target } from './target.js'

/** ms of processor for one input of a few KB; all take far less, and what hangs is ended by who watches. */
const INPUT_MAX = 2000
const SIZE_MAX = 8 * 1024
/** What goes wrong with names like these goes wrong in silence. */
const WORDS = ['__proto__', 'constructor', '"__proto__":', 'null', '\0', '\uffff', '{', '}', '[', ']', '"', '\\', '18446744073709551616', '-1', '\xff']

export interface Found {
  readonly target: string
  readonly fault: string
  readonly input: string
}

/** As many inputs for this decoder; the first that goes wrong. */
export async function explore(target: Target, seed: number, inputs: number, tell: (done: number) => void = () => undefined): Promise<Found | undefined> {
  const next = numbersFrom(seed)
  const seeds = target.seeds.map((each) => Buffer.from(each))
  const words = [...WORDS, ...(target.words ?? [])].map((word) => Buffer.from(word, 'latin1'))
  const last: Buffer[] = seeds.slice()
  for (let n = 0; n < inputs; n++) {
    const input: Buffer = n < seeds.length ? seeds[n]! : inputOf(last, words, next)
    if (input.length < SIZE_MAX) last[next(4) === 0 ? next(seeds.length) : n % seeds.length] = next(8) === 0 ? seeds[n % seeds.length]! : input
    const fault = await faultOf(target, input)
    if (fault !== undefined) return { target: target.name, fault, input: input.toString('base64') }
    if (n % 500 === 0) tell(n)
  }
  return undefined
}

/** Undefined: it was taken, or refused as it should be. */
export async function faultOf(target: Target, input: Buffer): Promise<string | undefined> {
  const began = process.cpuUsage()
  try {
    await target.take(Buffer.from(input))
  } catch (error) {
    if (!isRefusal(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  const { user } = process.cpuUsage(began)
  if (user / 1000 > INPUT_MAX) return `it took ${(user / 1000).toFixed(0)} ms of processor time`
  for (const name in {}) return `objects have the property ${name} now`
  return undefined
}

/** One of `last`, changed: bytes, a word put in, or a part of another. */
function inputOf(last: readonly Buffer[], words: readonly Buffer[], next: (below: number) => number): Buffer {
  let input = last[next(last.length)]!
  for (let changes = 1 + next(3); changes > 0; changes--) {
    const at = next(input.length + 1)
    switch (next(4)) {
      case 0:
        input = Buffer.concat([input.subarray(0, at), words[next(words.length)]!, input.subarray(at)])
        break
      case 1: {
        const other = last[next(last.length)]!
        input = Buffer.concat([input.subarray(0, at), other.subarray(next(other.length + 1))])
        break
      }
      default:
        input = mutated(input, next)
    }
  }
  return input
}

export function assertKnown(target: Target | undefined, name: string): asserts target {
  holds(target !== undefined, `there is no decoder ${JSON.stringify(name)}`)
}
