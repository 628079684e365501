/** Events through a chain of interceptors, without a process. */
import { batchOf, countLines, type Mark } from '../../src/events/batch.js'
import type { Refusal } from '../../src/events/rejects.js'
import type { Around } from '../../src/interceptors/around.js'
import { Chain } from '../../src/interceptors/chain.js'
import { linksOf, type Typed } from '../../src/interceptors/table.js'

export interface Passed {
  readonly headers?: Record<string, string>
  readonly body?: string
}

export const AROUND: Around = {
  host: { name: 'web1', ip: '10.0.0.1', fqdn: 'web1.example.org' },
  env: { TIER: 'gold' },
  localZone: () => 'UTC',
  now: () => 1_700_000_000_000,
  monotonic: () => 0,
  readFile: async (path) => (path === 'there' ? Buffer.from('content\n') : undefined),
  say: () => undefined,
}

export const MARK: Mark = { partition: 'queue.1b4e28ba-2fa1-11d2-883f-0016d3cca427.default', from: { offset: 1000 }, to: { offset: 2000 }, time: 1, replayable: true }

/** Options as they are typed: `--static a=b --timestamp`, a value per word. */
export function typed(line: readonly string[]): Typed[] {
  const all: Typed[] = []
  for (let n = 0; n < line.length; n++) {
    const name = line[n]!.slice(2)
    const value = line[n + 1]
    if (value === undefined || value.startsWith('--')) all.push({ name, text: 'true' })
    else all.push({ name, text: line[++n]! })
  }
  return all
}

interface Rejected {
  readonly line: string
  readonly reason: string
  /** Its position, where it has one of its own. */
  readonly at: number | undefined
}

export interface Ran {
  readonly out: string
  readonly count: number
  /** Lines in the rejects, with their reasons. */
  readonly rejected: Rejected[]
}

/** These bytes through the chain, as one batch. */
export async function ran(line: readonly string[], lines: string | Buffer, mark = MARK, strict = false): Promise<Ran> {
  const rejected: Rejected[] = []
  const refused = {
    add: (line: Uint8Array, { reason, position }: Refusal) => void rejected.push({ line: Buffer.from(line).toString('latin1'), reason, at: position?.offset }),
    flush: async () => undefined,
  }
  const chain = new Chain(await linksOf(typed(line), AROUND), refused, strict)
  const bytes = Buffer.from(lines)
  const { lines: out, count } = await chain.change(batchOf(bytes, countLines(bytes), mark))
  return { out: out.toString(), count, rejected }
}

/** Events through the chain, and what came out. */
export async function passed(line: readonly string[], ...events: readonly (Passed | string)[]): Promise<Passed[]> {
  const lines = events.map((event) => `${JSON.stringify(typeof event === 'string' ? { body: event } : event)}\n`).join('')
  const { out } = await ran(line, lines)
  return out.split('\n').slice(0, -1).map((each) => JSON.parse(each) as Passed)
}
