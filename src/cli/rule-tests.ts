/** flume-intercept --test: events as they go in, and as they are to come out. */
import { FlumeError } from '../errors.js'
import { formatEvent, parseEvent } from '../events/json.js'
import type { Around } from '../interceptors/around.js'
import { Chain, type Link } from '../interceptors/chain.js'
import { timeOf } from './moment.js'
import { visible } from './report.js'

export interface RuleTests {
  readonly failed: number
  /** What is to be printed. */
  readonly text: string
}

interface Case {
  readonly in: unknown
  readonly out: unknown
  /** When the batch came, ISO 8601: it tells the years of times that have none. */
  readonly time?: string
}

/** `{"in":EVENT,"out":EVENT|[EVENT,...]}`, one a line; a text stands for an event with this body. Throws BAD_EVENT. */
export async function runRuleTests(file: string, content: string, links: readonly Link[], around: Pick<Around, 'now' | 'localZone'>): Promise<RuleTests> {
  const failures: string[] = []
  let count = 0
  for (const [n, line] of content.split('\n').entries()) {
    if (line.trim() === '') continue
    const where = `${file}:${n + 1}`
    const { given, expected, time } = caseOf(line, where, around)
    const { came, rejected } = await run(given, n, time, links)
    count++
    if (JSON.stringify(came.map(sorted)) !== JSON.stringify(expected.map(sorted))) failures.push(failure(where, expected, came, rejected))
  }
  const summary = `${count - failures.length} of ${count} passed\n`
  return { failed: failures.length, text: `${failures.join('')}${summary}` }
}

function caseOf(line: string, where: string, { now, localZone }: Pick<Around, 'now' | 'localZone'>): { given: Buffer; expected: Buffer[]; time: number } {
  try {
    const { in: given, out, time } = JSON.parse(line) as Case
    if (given === undefined || out === undefined) throw new FlumeError('BAD_EVENT', 'expected {"in":EVENT,"out":EVENT}')
    const at = time === undefined ? now() : timeOf(String(time), localZone)
    if (at === undefined) throw new FlumeError('BAD_EVENT', 'its time is none')
    return { given: eventOf(given), expected: (Array.isArray(out) ? (out as unknown[]) : out === null ? [] : [out]).map(eventOf), time: at }
  } catch (cause) {
    throw new FlumeError('BAD_EVENT', `cannot take ${where}`, { cause })
  }
}

function eventOf(value: unknown): Buffer {
  return formatEvent(parseEvent(Buffer.from(JSON.stringify(typeof value === 'string' ? { body: value } : value))))
}

async function run(line: Buffer, n: number, time: number, links: readonly Link[]): Promise<{ came: Buffer[]; rejected: string[] }> {
  const rejected: string[] = []
  const refused = { add: (_line: Uint8Array, { reason }: { reason: string }) => void rejected.push(reason), flush: async () => undefined }
  const mark = { partition: 'test', from: { offset: n }, to: { offset: n + 1 }, time, replayable: true }
  const { lines } = await new Chain(links, refused, false).change({ lines: line, count: 1, mark, release: () => undefined })
  return { came: lines.toString().split('\n').slice(0, -1).map((each) => Buffer.from(each)), rejected }
}

/** With its headers in the order of their names: that does not count. */
function sorted(line: Buffer): string {
  const { headers, body } = parseEvent(line)
  return JSON.stringify([[...headers].sort(([a], [b]) => (a < b ? -1 : 1)), body.toString('latin1')])
}

function failure(where: string, expected: readonly Buffer[], came: readonly Buffer[], rejected: readonly string[]): string {
  const rows = (title: string, texts: readonly string[]): string[] => texts.map((text) => `  ${title} ${visible(text)}`)
  const shown = (lines: readonly Buffer[]): string[] => (lines.length === 0 ? ['nothing'] : lines.map((line) => line.toString().trimEnd()))
  const all = [`${where}: differs`, ...rows('expected', shown(expected)), ...rows('came    ', shown(came)), ...rows('rejected', rejected)]
  return `${all.join('\n')}\n`
}
