/** What a reading stage is to its writer, flume-pipe(7): whether it acks, what it keeps, what its places follow from. */
import { bindingText, type Follows } from '../events/binding.js'
import type { Held } from '../events/flow.js'
import type { ReaderHello } from './message.js'

export interface Role {
  /**
   * What the reader holds durably of the partitions with this prefix, once all it took before is durable; undefined: it cannot
   * tell any more, and is over. Absent: it keeps no positions.
   */
  held?(prefix: string): Promise<Held | undefined>
  /** False: it gives no acks, and remembers nothing. */
  readonly acks?: boolean
  /** What the places of a sink follow from, as one line of text. */
  readonly binding?: string
  /** They follow from this of each event, too. */
  readonly follows?: Follows
  /** The reader's binding has changed on purpose (--rebind). */
  readonly rebind?: boolean
}

export function helloOf({ held, acks, binding, follows, rebind }: Role, command: string, pid: number): Omit<ReaderHello, 't' | 'version'> {
  return {
    command,
    pid,
    keeps: held !== undefined,
    ...(acks === false ? { acks } : {}),
    ...(binding === undefined ? {} : { binding: bindingText(binding) }),
    ...(follows === undefined ? {} : { follows }),
    ...(rebind === true ? { rebind } : {}),
  }
}
