/** A work that fails, made as short as it can be and still fail, and written down as a test. */
import { exploreWork, type Found } from './campaign.js'
import type { Phase, Work } from './work.js'

/** Looked at of each work. */
const STATES = 3000

/** By so many shorter works at most. */
export async function reduce(found: Found, triesMax: number): Promise<Found> {
  let best = found
  let tries = 0
  for (let shorter = true; shorter; ) {
    shorter = false
    for (const work of simpler(best.work)) {
      if (tries++ >= triesMax) return best
      const next = await exploreWork(work, new Set(), { states: 0, twice: 0, works: 0, processor: 0 }, STATES)
      if (next === undefined) continue
      best = next
      shorter = true
      break
    }
  }
  return best
}

/** One thing less each: a phase, a reader, a put, an event; the boldest first. */
function* simpler(work: Work): Generator<Work> {
  const { phases } = work
  for (let at = phases.length - 1; at >= 0 && phases.length > 1; at--) yield { ...work, phases: phases.toSpliced(at, 1) }
  for (const [at, phase] of phases.entries()) {
    for (const less of simplerPhases(phase)) yield { ...work, phases: phases.with(at, less) }
  }
}

function* simplerPhases(phase: Phase): Generator<Phase> {
  const { puts, readings } = phase
  for (let at = 0; at < readings.length; at++) yield { ...phase, readings: readings.toSpliced(at, 1) }
  if (puts.length > 1) yield { ...phase, puts: puts.slice(0, puts.length >> 1) }
  for (let at = puts.length - 1; at >= 0; at--) yield { ...phase, puts: puts.toSpliced(at, 1) }
  for (const [at, count] of puts.entries()) if (count > 1) yield { ...phase, puts: puts.with(at, 1) }
  for (const [at, reading] of readings.entries()) {
    if (reading.batches > 1) yield { ...phase, readings: readings.with(at, { ...reading, batches: reading.batches >> 1 }) }
  }
}

/** To be pasted into test/prove/crash.test.ts. */
export function testOf({ work, crash, fault }: Found): string {
  return [
    `t.test('${fault.replaceAll("'", '’')}: found with seed ${work.seed}', async (t) => {`,
    `  const work: Work = ${JSON.stringify(work)}`,
    `  t.equal(await faultOfCrash(work, ${JSON.stringify(crash)}), undefined)`,
    '})',
    '',
  ].join('\n')
}
