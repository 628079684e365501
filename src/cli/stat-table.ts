/** What flume-stat prints for people: a block for each line, a row for each place that events pass. */
import type { Answers, Silent } from '../stat/ask.js'
import { linesOf } from '../stat/lines.js'
import { aboutText, type FlowStat, type StageStat } from '../stat/report.js'
import { ageText, sizeText } from './amounts.js'
import { visible } from './report.js'

const TITLES = ['PID', 'STAGE', 'EVENTS', 'BYTES', 'EVENTS/S', 'LAG', 'AGE', 'UNACKED', 'REJECTS', 'WAITS FOR'] as const
/** Columns that are text: the others are numbers, and end where their titles end. */
const TEXTS = new Set([1, 9])
/** What was said longer ago (ms) is no news. */
const NEWS = 5 * 60_000
const STAGE_WIDTH_MAX = 48

export function table(answers: Answers, now: number): string {
  const rows = linesOf(answers).map((line) => line.flatMap((one) => ('flows' in one ? one.flows.map((flow) => rowOf(one, flow)) : [silentRow(one)])))
  const all = [[...TITLES], ...rows.flat()]
  const widths = TITLES.map((_, column) => Math.max(...all.map((row) => row[column]!.length)))
  const text = (row: readonly string[]): string =>
    row.map((cell, column) => (TEXTS.has(column) ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ').trimEnd()
  const { stages, hidden } = answers
  const notes = stages.flatMap((stage) => news(stage, now))
  if (hidden > 0) notes.push(`${hidden} ${hidden === 1 ? 'process' : 'processes'} of other users: root sees them`)
  const blocks = rows.map((block) => block.map(text).join('\n'))
  const table = `${text(TITLES)}\n${blocks.join('\n\n')}`
  return `${[table, ...notes].join('\n')}\n`
}

function rowOf(stage: StageStat, flow: FlowStat): string[] {
  const name = cut(visible(`${stage.command}${placeOf(flow)} ${flow.name ?? aboutText(stage.about)}`))
  const lag = flow.lagEvents !== undefined ? String(flow.lagEvents) : flow.lagBytes !== undefined ? sizeText(flow.lagBytes) : '-'
  const { events, bytes, rate, lagSeconds, unacked } = flow
  const numbers = [String(events), sizeText(bytes), String(rate), lag, ageText(lagSeconds), String(unacked), String(stage.rejects)]
  return [String(stage.pid), name, ...numbers, visible(flow.waits) + missed(flow)]
}

/** Which of the places of its stage. */
function placeOf({ role }: FlowStat): string {
  return role === 'put' || role === 'take' || role === 'input' || role === 'output' ? ` ${role}` : ''
}

function missed({ missed = 0 }: FlowStat): string {
  return missed === 0 ? '' : `; has missed ${missed}`
}

function silentRow({ pid, command, stopped }: Silent): string[] {
  return [String(pid), visible(command), ...Array.from({ length: 7 }, () => '?'), stopped ? 'SIGCONT: it is stopped' : 'no answer']
}

function news({ command, pid, said }: StageStat, now: number): string[] {
  if (said === undefined || now - said.time > NEWS) return []
  return [`${visible(command)}, pid ${pid}, ${ageText(Math.max(0, now - said.time) / 1000)} ago: ${visible(said.text)}`]
}

/** A list of files may be long. */
function cut(text: string): string {
  return text.length <= STAGE_WIDTH_MAX ? text : `${text.slice(0, STAGE_WIDTH_MAX - 3)}...`
}
