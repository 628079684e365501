/** What interceptors may know of the world: asked once, when the chain is made, but for the clock. */
import type { Host } from '../events/host.js'

export interface Around {
  /** Of this machine. */
  readonly host: Host
  readonly env: Readonly<Record<string, string | undefined>>
  /** IANA name of the zone of this machine. Throws BAD_OPTION. */
  localZone(): string
  /** ms since the epoch */
  now(): number
  /** ms since some moment, which nobody sets */
  monotonic(): number
  /** Undefined where it is missing. */
  readFile(path: string): Promise<Buffer | undefined>
  say(message: string): void
}
