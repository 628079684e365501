/** What sources remember, and the formats of files in a spool directory. */
import avro from 'avsc'
import { avroRecords } from '../../../../src/sources/spool/formats/avro.js'
import { csv } from '../../../../src/sources/spool/formats/csv.js'
import { jsonValues } from '../../../../src/sources/spool/formats/json.js'
import type { Format } from '../../../../src/sources/spool/records.js'
import { Tracker } from '../../../../src/sources/spool/tracker.js'
import { filePosition, printOf } from '../../../../src/sources/position.js'
import { State } from '../../../../src/sources/state.js'
import { diskOf, fileOf } from '../one-file.js'
import { holds, type Target } from '../target.js'

const print = { size: 3, hash: printOf(Buffer.from('abc')).hash }
const POSITION = { offset: 3, path: '/var/log/a', device: '1', inode: '2', head: print, tail: print, time: 1, size: 5 }
const TRACKED = { ...POSITION, bytes: 5, modified: 1.5 }
const WORDS = ['null', '{', '[', '"__proto__":', '"offset":', '-1', '1e999', '"path":']

export const SOURCES: readonly Target[] = [
  {
    name: 'state of flume-tail', words: WORDS, seeds: [JSON.stringify({ version: 1, partitions: { 'file.a.b': POSITION, __proto__: POSITION } }), '{"version":1,"partitions":{"a":null}}', 'null'],
    take: async (bytes) => {
      const positions = await new State('/s', diskOf(bytes), 'file.', filePosition).load()
      for (const { offset } of positions.values()) holds(Number.isSafeInteger(offset) && offset >= 0, 'a position is a place in a file')
    },
  },
  { name: 'files that flume-spool has read', words: WORDS, seeds: [`${JSON.stringify(TRACKED)}\n${JSON.stringify({ ...TRACKED, inode: '3' })}\n`, 'null\n'], take: takeTracked },
  { name: 'JSON of a spool', words: WORDS, seeds: ['[{"a":1}, "two", [3]]', '{"a":1}\n{"b":"\\u00e9"}\n', '\ufeff[1,2'], take: (bytes) => takeRecords(jsonValues, bytes) },
  { name: 'CSV of a spool', words: ['"', ',', '\n', '\r\n', '""'], seeds: ['a,b\n1,"x ""y"" z"\r\n2,3\n', '\ufeffa,__proto__,a\n1,2,3\n', 'a\n"open'], take: (bytes) => takeRecords(csv(','), bytes) },
  { name: 'Avro of a spool', seeds: [await avroFile('null'), await avroFile('deflate')], words: ['\x80', '\xff', '"type"', '"record"', 'avro.codec'], take: (bytes) => takeRecords(avroRecords as Format, bytes) },
]

async function takeTracked(bytes: Buffer): Promise<void> {
  const tracker = new Tracker('/t', diskOf(bytes))
  await tracker.load()
  tracker.has((await diskOf(bytes).stat('/t'))!)
}

async function takeRecords(format: Format, bytes: Buffer): Promise<void> {
  let last = 0
  for await (const { body, end } of format(fileOf(bytes), 0, 1024)) {
    holds(Buffer.isBuffer(body) && (end === undefined || (end > last && end <= bytes.length)), 'each place is behind the one before it')
    last = end ?? last
  }
}

/** Two blocks of three records. */
async function avroFile(codec: string): Promise<Buffer> {
  const type = avro.Type.forSchema({ type: 'record', name: 'Log', fields: [{ name: 'n', type: 'long' }, { name: 'text', type: ['null', 'string'] }] })
  const encoder = new avro.streams.BlockEncoder(type, { codec: codec, syncMarker: Buffer.alloc(16, 7) })
  const pieces: Buffer[] = []
  encoder.on('data', (piece: Buffer) => pieces.push(piece))
  const done = new Promise((resolve) => encoder.once('end', resolve))
  for (let n = 0; n < 6; n++) encoder.write({ n, text: n % 2 === 0 ? null : `line ${n}` })
  encoder.end()
  await done
  return Buffer.concat(pieces)
}
