/** One schedule after the other, each from a seed of its own; one that is wrong is made as short as it can be. */
import { secondsOfProcessor } from '../processor.js'
import { Choices, Ends, faultOf } from './schedule.js'

export interface Found {
  readonly seed: number
  readonly fault: string
  /** The choices that lead there, shortened; after them always the first one. */
  readonly choices: readonly number[]
}

export interface Explored {
  schedules: number
  /** Of them, those that no other one of this process was like: the same choices of as many. */
  distinct: number
  /** s of processor, until one was found wrong. */
  processor: number
  found?: Found
}

/** Schedules after each of which it says how far it is: minutes. */
const SAY_EACH = 50_000
/** Tries of making a schedule shorter. */
const TRIES = 2000

/** The schedules of `seed`, `seed + stride`, …; ends early where one is wrong. `said` hears now and then how many were looked at. */
export async function explore(seed: number, stride: number, schedules: number, said: (schedules: number) => void): Promise<Explored> {
  const explored: Explored = { schedules: 0, distinct: 0, processor: 0 }
  const seen = new Set<number>()
  const ends = new Ends()
  for (let next = seed; explored.schedules < schedules; next += stride) {
    const choices = new Choices(next)
    const fault = await faultOf(choices, { ends })
    explored.schedules++
    seen.add(print(choices.made))
    if (explored.schedules % SAY_EACH === 0) said(explored.schedules)
    if (fault === undefined) continue
    explored.processor = secondsOfProcessor()
    explored.found = await reduce({ seed: next, fault, choices: choices.made })
    break
  }
  explored.distinct = seen.size
  explored.processor ||= secondsOfProcessor()
  return explored
}

/** The same kind of fault with fewer choices that are not the first one. */
async function reduce(found: Found): Promise<Found> {
  const kind = found.fault.replaceAll(/\d+/g, 'N').slice(0, 30)
  let best = found.choices
  let tries = 0
  const wrong = async (choices: readonly number[]): Promise<boolean> => {
    tries++
    const fault = await faultOf(new Choices(0, choices))
    return fault !== undefined && fault.replaceAll(/\d+/g, 'N').slice(0, 30) === kind
  }
  for (let size = best.length; size >= 1 && tries < TRIES; size >>= 1) {
    for (let at = Math.max(0, best.length - size); tries < TRIES; at -= size) {
      const from = Math.max(0, at)
      const piece = best.slice(from, from + size)
      const without = [...best.slice(0, from), ...piece.map(() => 0), ...best.slice(from + size)]
      if (piece.some((choice) => choice > 0) && (await wrong(without))) best = without
      if (from === 0) break
    }
  }
  const last = best.findLastIndex((choice) => choice > 0)
  const choices = best.slice(0, last + 1)
  return { seed: found.seed, choices, fault: (await faultOf(new Choices(0, choices))) ?? found.fault }
}

/** FNV-1a, and the length. */
function print(choices: readonly number[]): number {
  let hash = 2166136261
  for (const choice of choices) hash = Math.imul(hash ^ choice, 16777619)
  return (hash >>> 0) * 65_536 + (choices.length & 0xffff)
}
