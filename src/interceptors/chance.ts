/** --sample, --uuid: what follows from the place of an event, so that it is the same on each replay from a queue. */
import { createHash } from 'node:crypto'
import { FlumeError } from '../errors.js'
import { fnv1a, mixed } from '../events/hash.js'
import { originOf } from '../events/partition.js'
import { DROP, type Interceptor, type Place } from './interceptor.js'
import { bodyless, settable } from './names.js'

/** `10%`, `1/10` or `0.1` of the events go on. */
export function sample(text: string): Interceptor {
  const share = shareOf(text)
  return { changes: 'nothing', ...bodyless(), intercept: (_event, place) => (fractionOf(place) < share ? undefined : DROP) }
}

function shareOf(text: string): number {
  const [, number, percent, divisor] = /^(\d+(?:\.\d+)?|\.\d+)(?:(%)|\/(\d+))?$/.exec(text) ?? []
  const share = Number(number) / (percent !== undefined ? 100 : Number(divisor ?? 1))
  if (share >= 0 && share <= 1) return share
  throw new FlumeError('BAD_OPTION', 'expected a share from 0 to 1, such as 10%, 1/10 or 0.1')
}

/** From 0 to 1, evenly. */
function fractionOf({ partition, offset, part }: Place): number {
  return mixed(fnv1a(`${originOf(partition)}/${offset}${part}`)) / 2 ** 32
}

/** Name-based, version 5 of RFC 9562, in a namespace of ours. */
const NAMESPACE = Buffer.from('6f1d0b6c9a3e4f3c8b7a2d5e4c1f0a97', 'hex')

export function uuid(name: string): Interceptor {
  settable(name)
  return {
    ...bodyless(name),
    intercept(event, { partition, offset, part }) {
      const hash = createHash('sha1').update(NAMESPACE).update(`${originOf(partition)}/${offset}${part}`).digest()
      hash[6] = (hash[6]! & 0x0f) | 0x50
      hash[8] = (hash[8]! & 0x3f) | 0x80
      const hex = hash.toString('hex', 0, 16)
      event.set(name, `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`)
      return undefined
    },
  }
}
