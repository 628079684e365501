/** Programs that write numbered lines into logs which are rotated in every usual way, and the receipt: what became of each line. */
import { appendFileSync, copyFileSync, readFileSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

export class Writer {
  count = 0
  /** Numbers of the lines that each rotation came before: order is kept within a file, not between an old one and its successor. */
  readonly rotated: number[] = []
  #rotated: string | undefined

  constructor(
    readonly path: string,
    readonly name: string,
    readonly pick: (below: number) => number,
  ) {}

  append(lines: number): void {
    let text = ''
    for (let n = 0; n < lines; n++) text += `${this.name} ${this.count++} ${'x'.repeat(this.pick(120))}\n`
    appendFileSync(this.path, text)
  }

  /** By rename or copytruncate; the one before is compressed, as with delaycompress. */
  rotate(): void {
    const before = this.#rotated
    this.#rotated = `${this.path}.${this.rotated.push(this.count)}`
    if (this.pick(2) === 0) renameSync(this.path, this.#rotated)
    else {
      copyFileSync(this.path, this.#rotated)
      truncateSync(this.path)
    }
    if (before === undefined) return
    writeFileSync(`${before}.gz`, gzipSync(readFileSync(before), { level: 1 }))
    rmSync(before)
  }
}

export interface Receipt {
  readonly lines: number
  readonly lost: number
  readonly twice: number
  readonly unordered: number
  readonly strange: readonly string[]
}

/** Of a directory of the sink: its files in the order of their names, which is that of the queue. */
export function receiptOf(directory: string, writers: readonly Writer[]): Receipt {
  const seen = new Map(writers.map(({ name, count, rotated }) => [name, { times: new Uint8Array(count), files: filesOf(rotated, count), last: [] as number[] }]))
  const strange: string[] = []
  let [lines, twice, unordered] = [0, 0, 0]
  for (const name of readdirSync(directory).sort()) {
    if (!name.endsWith('.log')) strange.push(`file ${name}`)
    for (const line of readFileSync(join(directory, name), 'utf8').split('\n').filter(Boolean)) {
      const [, writer, digits] = /^(w\d) (\d+) x*$/.exec(line) ?? []
      const own = seen.get(writer ?? '')
      const number = Number(digits)
      if (own === undefined || number >= own.times.length) {
        strange.push(line.slice(0, 100))
        continue
      }
      lines++
      if (own.times[number]! > 0) twice++
      else if (number < (own.last[own.files[number]!] ?? 0)) unordered++
      own.times[number] = 1
      own.last[own.files[number]!] = number
    }
  }
  const lost = [...seen.values()].reduce((sum, { times }) => sum + times.reduce((missing, count) => missing + (count === 0 ? 1 : 0), 0), 0)
  return { lines, lost, twice, unordered, strange }
}

/** Of each line: in which file it was written, counted from 0. */
function filesOf(rotated: readonly number[], count: number): Uint16Array {
  const files = new Uint16Array(count)
  rotated.forEach((first, index) => files.fill(index + 1, first))
  return files
}
