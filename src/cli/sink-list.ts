/** flume-sink-hdfs --list: what is in place, for people and for scripts. */
import type { End } from '../pipe/output-options.js'
import type { Finding } from '../sinks/hdfs/list.js'
import { counted } from './amounts.js'
import type { Context } from './command.js'
import { FOUND_WRONG, STATUS } from './exit.js'
import { exportTo } from './queue-export.js'
import { describe, visible } from './report.js'

interface ListOptions {
  /** One JSON object a line. */
  readonly json: boolean
  /** What is missing counts, too. */
  readonly strict: boolean
}

/** Prints the findings to a descriptor, and says what is wrong with them. Returns how to end. */
export async function printList(fd: number, findings: AsyncIterable<Finding>, options: ListOptions, context: Context): Promise<End> {
  const report = new Report(options, context)
  const end = await exportTo(fd, report.lines(findings))
  return end === 0 ? report.end() : end
}

const ON_ITS_WAY = "; where a sink is at work, what its queue's reader has not acked (flume-buffer --stat) may be on its way"

class Report {
  #status = 0
  #missing = 0
  #printed = 0

  constructor(
    readonly options: ListOptions,
    readonly context: Context,
  ) {}

  async *lines(findings: AsyncIterable<Finding>): AsyncGenerator<{ lines: Buffer }> {
    for await (const finding of findings) {
      if (this.context.stop.aborted) return
      this.#judge(finding)
      const text = this.options.json ? jsonOf(finding) : textOf(finding)
      if (text === '') continue
      if (this.#printed++ === 0 && !this.options.json) yield { lines: row(['FIRST', 'LAST', 'SIZE'], 'FILE') }
      yield { lines: Buffer.from(text) }
    }
  }

  /** After the last finding. */
  end(): number {
    if (this.#printed === 0 && !this.context.stop.aborted) this.context.say('no files of a sink are there')
    if (this.#missing === 0) return this.#status
    const where = this.#status === STATUS.PERMISSION ? ' of those that may be read' : ON_ITS_WAY
    this.context.say(`${this.#missing} ${this.#missing === 1 ? 'sequence is' : 'sequences are'} in no bucket${where}`)
    return this.#status || (this.options.strict ? FOUND_WRONG : 0)
  }

  #judge(finding: Finding): void {
    if (finding.kind === 'missing') this.#missing += finding.last - finding.first + 1
    if (finding.kind === 'unreadable') {
      this.#status = STATUS.PERMISSION
      this.context.say(describe(finding.error))
    }
    if (finding.kind === 'overlap') {
      this.#status ||= FOUND_WRONG
      const { path, other, first, last } = finding
      this.context.say(`two files hold the same sequences, ${first} to ${last}: ${other} and ${path}`)
    }
  }
}

function jsonOf(finding: Finding): string {
  if (finding.kind !== 'unreadable') return `${JSON.stringify(finding)}\n`
  const { kind, path, error } = finding
  return `${JSON.stringify({ kind, path, reason: describe(error) })}\n`
}

function textOf(finding: Finding): Buffer | string {
  switch (finding.kind) {
    case 'file':
      return row([finding.first, finding.last, finding.size], finding.path)
    case 'temporary':
      return row(['-', '-', finding.size], `${finding.path} (being written, or left over)`)
    case 'stream': {
      const { stream, first, last, files, buckets, size, overlaps, missing } = finding
      const verdict = `${overlaps === 0 ? 'nothing twice' : counted(overlaps, 'overlap')}, ${missing === 0 ? 'nothing' : missing} missing`
      return `\n${stream}: ${first} to ${last}, ${counted(files, 'file')} in ${counted(buckets, 'bucket')}, ${counted(size, 'byte')}; ${verdict}\n`
    }
    case 'missing':
      return row([finding.first, finding.last, '-'], 'in no bucket')
    default:
      return '' // said on stderr
  }
}

export function row(cells: readonly (number | string)[], text: string): Buffer {
  return Buffer.from(`${cells.map((cell) => String(cell).padStart(12)).join(' ')}  ${visible(text)}\n`)
}
