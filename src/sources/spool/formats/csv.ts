/** The records of comma-separated values, RFC 4180, as JSON objects whose names are in the first record. */
import { isUtf8 } from 'node:buffer'
import { Readable, pipeline } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import type { ReadableFile } from '../../../disk/disk.js'
import { FlumeError } from '../../../errors.js'
import { readAt } from '../../position.js'
import type { Format, SpoolRecord } from '../records.js'
import { chunksOf, textStart } from './chunks.js'

interface Row {
  readonly values: readonly Buffer[]
  /** The byte after it. */
  readonly end: number
}

interface Parsed {
  readonly info: { readonly bytes: number }
  readonly record: readonly Buffer[]
}

/** `delimiter`: between two values. */
export function csv(delimiter: string): Format {
  return async function* (log, from, most): AsyncGenerator<SpoolRecord> {
    const start = await textStart(log)
    let header: Row | undefined
    for await (const row of rows(log, start, delimiter, most)) {
      header = row
      break
    }
    if (header === undefined) return
    const names = new Names(header.values)
    let end = Math.max(from, header.end)
    for await (const row of rows(log, end, delimiter, most)) {
      yield row.values.every((value) => isUtf8(value))
        ? { body: objectOf(names, row.values), end: row.end }
        : { body: await readAt(log, end, row.end - end), end: row.end, refused: 'the record is not UTF-8' }
      end = row.end
    }
  }
}

/** Member by member: an object of JavaScript has its own order of names that are numbers. */
function objectOf(names: Names, values: readonly Buffer[]): Buffer {
  return Buffer.from(`{${values.map((value, index) => `${JSON.stringify(names.at(index))}:${JSON.stringify(value.toString())}`).join()}}`)
}

/** No two are the same: a value without a name, or with that of one before it, has its number, behind as many _ as it takes. */
class Names {
  readonly #names: (string | undefined)[]
  readonly #taken = new Set([''])

  constructor(header: readonly Buffer[]) {
    this.#names = header.map((bytes) => {
      const name = isUtf8(bytes) ? bytes.toString() : ''
      if (this.#taken.has(name)) return undefined
      this.#taken.add(name)
      return name
    })
  }

  at(index: number): string {
    return (this.#names[index] ??= this.#free(String(index + 1)))
  }

  #free(number: string): string {
    let name = number
    while (this.#taken.has(name)) name = `_${name}`
    this.#taken.add(name)
    return name
  }
}

async function* rows(log: ReadableFile, from: number, delimiter: string, most: number): AsyncGenerator<Row> {
  const parser = parse({
    info: true, encoding: null, delimiter, record_delimiter: ['\r\n', '\n'], relax_quotes: true, relax_column_count: true, skip_empty_lines: true,
    max_record_size: most,
  })
  pipeline(Readable.from(chunksOf(log, from)), parser, () => undefined)
  try {
    for await (const { info, record } of parser as AsyncIterable<Parsed>) yield { values: record, end: from + info.bytes }
  } catch (error) {
    if (error instanceof CsvError) throw new FlumeError('BAD_EVENT', error.message)
    throw error
  } finally {
    parser.destroy()
  }
}
