/**
 * DataNodes that did not answer, to be left out for a while: HDFS itself needs up to 10.5 minutes to notice. A NameNode
 * takes their IP addresses, but where several share one it leaves out any of these.
 */
import { lookup } from 'node:dns/promises'
import type { Clock } from '../../../events/flow.js'
import type { Location } from './datanode.js'

/** ms for which one is left out. */
const EXCLUDED_FOR = 600_000

export class Excluded {
  /** Host and port to the IP address, and until when. */
  readonly #nodes = new Map<string, { readonly address: string; readonly until: number }>()

  constructor(readonly clock: Clock) {}

  async add({ host, port }: Location): Promise<void> {
    const address = await lookup(host).then(({ address }) => address, () => host)
    this.#nodes.set(`${host}:${port}`, { address, until: this.clock.monotonic() + EXCLUDED_FOR })
  }

  /** It has answered after all. */
  remove({ host, port }: Location): void {
    this.#nodes.delete(`${host}:${port}`)
  }

  has({ host, port }: Location): boolean {
    return this.#nodes.has(`${host}:${port}`)
  }

  /** Distinct ones. */
  addresses(): readonly string[] {
    const now = this.clock.monotonic()
    for (const [node, { until }] of this.#nodes) if (until <= now) this.#nodes.delete(node)
    return [...new Set([...this.#nodes.values()].map(({ address }) => address))]
  }

  clear(): void {
    this.#nodes.clear()
  }
}
