/** Which queue it is, also where queue.json does not tell: then by the UUIDs that its segments bear. */
import { FlumeError } from '../../errors.js'
import { isOf, lookAtIdentity, type Identity, type OpenHow } from '../identity.js'
import type { Paths, Surroundings } from '../surroundings.js'
import type { Step } from './step.js'
import type { Headers } from './strays.js'

export interface Identified {
  readonly identity: Identity
  /** What there is to be done about queue.json: it is written new. */
  readonly step?: Step
  /** Nothing may be done before it is told which of the two it is. */
  readonly isCopy: boolean
}

/** Throws NO_INPUT where there is no queue, VERSION. */
export async function identify(paths: Paths, around: Surroundings, accept: OpenHow['accept'], headers: Headers): Promise<Identified> {
  const seen = await lookAtIdentity(paths, around).catch(orUnreadable)
  const told = [...new Set([...headers.values()].flatMap(({ queue }) => queue ?? []))]
  const where = { file: paths.identity, byte: 0 }
  if (seen !== undefined && isOurs(seen.identity, told)) {
    if (seen.itself) return { identity: seen.identity, isCopy: false }
    const does = accept === undefined ? 'nothing, before --copied or --moved says what it is' : 'is written new'
    const step: Step = { kind: 'copied', ...where, reason: 'was copied or restored from a backup', does, costs: 'nothing', ...(accept ? {} : { left: true }) }
    return { identity: accepted(seen.identity, accept, around), step, isCopy: accept === undefined }
  }
  const identity = { queue: told.at(-1) ?? around.uuid(), formerly: told.slice(0, -1) }
  const reason = seen === undefined ? 'does not say which queue this is' : 'is that of another queue than all segments'
  const known = told.length > 0
  const does = `is written new: ${known ? `queue ${identity.queue}, as its segments say` : 'a queue of a new UUID'}`
  const costs = known ? 'nothing; if another copy of it lives on, add --copied' : 'whoever has read it takes it for another one'
  return { identity: accepted(identity, accept, around), step: { kind: 'identity', ...where, reason, does, costs }, isCopy: false }
}

function isOurs(identity: Identity, told: readonly string[]): boolean {
  return told.length === 0 || told.some((each) => isOf(identity, each))
}

function accepted(identity: Identity, accept: OpenHow['accept'], { uuid }: Surroundings): Identity {
  return accept === 'copied' ? { queue: uuid(), formerly: [...identity.formerly, identity.queue] } : identity
}

function orUnreadable(error: unknown): undefined {
  if (!(error instanceof FlumeError) || error.code !== 'SEGMENT_DAMAGED') throw error
}
