/** flume-buffer --from and --to: a sequence, a time, or the beginning. */
import type { Asked, Bound } from '../channel/range.js'
import { FlumeError } from '../errors.js'
import { timeOf } from './moment.js'

interface Typed {
  readonly from: string | undefined
  readonly to: string | undefined
}

/** Times that do not say their zone are of `localZone`. Throws BAD_OPTION. */
export function rangeOf({ from, to }: Typed, localZone: () => string): Asked {
  const first = from === undefined || from === 'beginning' ? undefined : boundOf(from, 'from', localZone)
  const last = to === undefined ? undefined : boundOf(to, 'to', localZone)
  if (first !== undefined && first.kind === last?.kind && valueOf(first) > valueOf(last)) {
    throw new FlumeError('BAD_OPTION', `--from ${from} comes after --to ${to}`)
  }
  return { ...(first === undefined ? {} : { from: first }), ...(last === undefined ? {} : { to: last }) }
}

function boundOf(text: string, option: 'from' | 'to', localZone: () => string): Bound {
  const sequence = /^\d+$/.test(text) ? Number(text) : undefined
  if (sequence !== undefined && Number.isSafeInteger(sequence)) return { kind: 'sequence', sequence }
  const time = timeOf(text, localZone)
  if (time !== undefined) return { kind: 'time', time }
  const more = option === 'from' ? 'beginning, ' : ''
  const expected = `${more}the number of an event, or a time such as 2026-11-24T06:00Z or @1795500000`
  throw new FlumeError('BAD_OPTION', `bad value ${text === '' ? "''" : text} for --${option}: expected ${expected}`)
}

function valueOf(bound: Bound): number {
  return bound.kind === 'sequence' ? bound.sequence : bound.time
}
