/** flume-buffer --check: what is wrong with a queue, one line each, and a sum. */
import { Check } from '../channel/check.js'
import type { Finding, Summary } from '../channel/finding.js'
import type { Paths, Surroundings } from '../channel/surroundings.js'
import type { End } from '../pipe/output-options.js'
import { counted } from './amounts.js'
import { FOUND_WRONG } from './exit.js'
import { exportTo } from './queue-export.js'
import { visible } from './report.js'

/** Prints what it finds to a descriptor as it finds it. Returns how to end. */
export async function printCheck(fd: number, paths: Paths, around: Surroundings, json: boolean, stop: AbortSignal): Promise<End> {
  const check = new Check(paths, around, stop)
  const end = await exportTo(fd, linesOf(check, json))
  return end === 0 && check.summary.wrong > 0 ? FOUND_WRONG : end
}

async function* linesOf(check: Check, json: boolean): AsyncGenerator<{ lines: Buffer }> {
  for await (const finding of check.findings()) yield { lines: Buffer.from(json ? jsonOf(finding) : textOf(finding)) }
  if (check.stop.aborted) return
  const { summary } = check
  yield { lines: Buffer.from(json ? `${JSON.stringify({ kind: 'summary', ...summary })}\n` : sumOf(summary)) }
}

function jsonOf({ kind, file, byte, reason, meaning, first, last }: Finding): string {
  return `${JSON.stringify({ kind, file, byte, reason, meaning, first, last })}\n`
}

/** `/q/segments/00000000000000000000.seg: byte 4711: 312 bytes are no frame: events 120 to 181 are lost` */
function textOf({ file, byte, reason, meaning }: Finding): string {
  const place = byte === null ? '' : ` byte ${byte}:`
  return `${visible(`${file}:${place} ${reason}: ${meaning}`)}\n`
}

function sumOf({ segments, first, next, readers, wrong, lost }: Summary): string {
  const holds = next === first ? 'no events' : `${counted(next - first - lost, 'event')} (${first} to ${next - 1})`
  const read = `read ${counted(segments, 'segment')} with ${holds} and ${counted(readers, 'reader')}: `
  const found = wrong === 0 ? 'nothing is wrong' : `${counted(wrong, 'thing')} ${wrong === 1 ? 'is' : 'are'} wrong, --repair says what can be done`
  return `${read}${found}${lost === 0 ? '' : `; ${counted(lost, 'event')} ${lost === 1 ? 'is' : 'are'} lost`}\n`
}
