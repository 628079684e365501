/** flume-intercept --explain: for a few events, what each interceptor makes of them. */
import { countLines, type Batch, type Mark } from '../events/batch.js'
import { parseEvent } from '../events/json.js'
import { Chain, type Link } from '../interceptors/chain.js'
import { Draft, ERROR } from '../interceptors/draft.js'
import { DROP, Unfit, type Outcome } from '../interceptors/interceptor.js'
import type { Input } from '../pipe/input.js'
import { visible } from './report.js'

/** Of a value, in one line. */
const WIDTH_MAX = 120

/** Fields of an event by name, the body among them. */
type Snapshot = ReadonlyMap<string, string>

/** Reads so many events, acks none, and yields what is to be printed. */
export async function* explain(
  input: Input, count: number, links: readonly Link[], now: number, stop: AbortSignal,
): AsyncGenerator<{ readonly lines: Buffer }> {
  let number = 0
  for await (const batch of input.open({ acks: false }, stop)) {
    for (const { line, mark } of linesOf(batch, now)) {
      if (number === count) break
      yield { lines: Buffer.from(`event ${++number}\n${await explained(line, mark, links)}\n`) }
    }
    batch.release()
    if (number === count) return
  }
}

function* linesOf({ lines, mark }: Batch, now: number): Generator<{ line: Buffer; mark: Mark }> {
  const { partition = 'stdin', from = null, to = { offset: 0 }, time = now } = mark ?? {}
  const first = from?.offset ?? 0
  for (let at = 0, n = 0; at < lines.length; n++) {
    const end = lines.indexOf(0x0a, at) + 1
    yield { line: Buffer.from(lines.subarray(at, end)), mark: { partition, from: { offset: first + n }, to, time, replayable: true } }
    at = end
  }
}

async function explained(line: Buffer, mark: Mark, links: readonly Link[]): Promise<string> {
  const steps: string[] = []
  const before = new Map<Draft, Snapshot>()
  let last: Snapshot = new Map()
  const watch = (link: Link, draft: Draft, outcome: Outcome): void => {
    const known = before.get(draft) ?? last
    steps.push(`  ${link.title}\n`, ...stepOf(known, draft, outcome))
    last = snapshot(draft)
    before.set(draft, last)
    if (Array.isArray(outcome)) for (const part of outcome as readonly Draft[]) before.set(part, snapshot(part))
  }
  const refused = {
    add: (_line: Uint8Array, { reason }: { reason: string }) => void steps.push(`    rejected: ${cut(reason)}\n`),
    flush: async () => undefined,
  }
  try {
    last = snapshot(Draft.of(parseEvent(line)))
    steps.push(...[...last].map(([name, value]) => row(' ', name, value)))
  } catch {
    steps.push(row(' ', 'line', line.toString('latin1').trimEnd()))
  }
  const { count } = await new Chain(links, refused, false, watch).change({ lines: line, count: countLines(line), mark, release: () => undefined })
  return `${steps.join('')}  ${count === 1 ? 'it goes on' : count === 0 ? 'nothing goes on' : `${count} events go on`}\n`
}

function snapshot(draft: Draft): Snapshot {
  return new Map([...draft.headers, ['body', draft.body] as const].filter(([name]) => name !== ERROR)) // that is told as `cannot`
}

function stepOf(before: Snapshot, draft: Draft, outcome: Outcome): string[] {
  if (outcome === DROP) return ['    dropped\n']
  if (outcome instanceof Unfit) return [`    cannot: ${cut(outcome.reason)}\n`]
  if (outcome !== undefined) return [`    becomes ${outcome.length}:\n`, ...outcome.flatMap((part) => changes(before, snapshot(part)))]
  const found = changes(before, snapshot(draft))
  return found.length === 0 ? ['    as before\n'] : found
}

function changes(before: Snapshot, after: Snapshot): string[] {
  const gone = [...before].filter(([name]) => !after.has(name)).map(([name, value]) => row('-', name, value))
  const here = [...after].flatMap(([name, value]) => {
    const old = before.get(name)
    return old === undefined ? [row('+', name, value)] : old === value ? [] : [row('~', name, value)]
  })
  return [...gone, ...here]
}

function row(sign: string, name: string, value: string): string {
  return `    ${sign} ${visible(name).padEnd(12)} ${cut(value)}\n`
}

function cut(text: string): string {
  const shown = visible(text.slice(0, WIDTH_MAX))
  return text.length <= WIDTH_MAX ? shown : `${shown}...`
}
