/** The records of comma-separated values, RFC 4180, as JSON objects whose names are in the first record. */
import { isUtf8 } from 'node:buffer'
import { Readable, pipeline } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import type { DiskFile } from '../../../disk/disk.js'
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
    const names = header.values.map((name, index) => name.toString() || String(index + 1))
    let end = Math.max(from, header.end)
    for await (const row of rows(log, end, delimiter, most)) {
      yield row.values.every((value) => isUtf8(value))
        ? { body: Buffer.from(JSON.stringify(objectOf(names, row.values))), end: row.end }
        : { body: await readAt(log, end, row.end - end), end: row.end, refused: 'the record is not UTF-8' }
      end = row.end
    }
  }
}

/** A value without a name has its number. */
function objectOf(names: readonly string[], values: readonly Buffer[]): Record<string, string> {
  return Object.fromEntries(values.map((value, index) => [names[index] ?? String(index + 1), value.toString()]))
}

async function* rows(log: DiskFile, from: number, delimiter: string, most: number): AsyncGenerator<Row> {
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
