/** flume-spool --whole, --json, --csv, --avro: which events come of which bytes, and that a kill between any two batches leaves each once. */
import * as fs from 'node:fs'
import { join } from 'node:path'
import avro from 'avsc'
import t, { type Test } from 'tap'
import { gzipSync } from 'node:zlib'
import { nodeDisk } from '../../src/disk/node.js'
import { Rejects } from '../../src/events/rejects.js'
import { refusedLines } from '../../src/sources/refused.js'
import { avroRecords } from '../../src/sources/spool/formats/avro.js'
import { csv } from '../../src/sources/spool/formats/csv.js'
import { jsonValues } from '../../src/sources/spool/formats/json.js'
import { whole } from '../../src/sources/spool/formats/whole.js'
import type { Format } from '../../src/sources/spool/records.js'
import { FakeClock } from '../support/clock.js'
import { Queue, spooled } from '../support/spooling.js'

function dropped(t: Test, content: string | Buffer): string {
  const directory = join(t.testdir({ in: {} }), 'in')
  fs.writeFileSync(join(directory, 'a'), content)
  fs.utimesSync(join(directory, 'a'), 1e9, 1e9)
  return directory
}

/** The events of a file with this content, whoever is killed: in one run, and killed after each batch in turn. */
async function events(t: Test, format: Format, content: string | Buffer, sameWhenKilled = true) {
  const directory = dropped(t, content)
  const queue = new Queue()
  const { said, refused } = await spooled(directory, queue, { options: { format } })
  const left = fs.readdirSync(directory)
  for (let batches = 1; sameWhenKilled; batches++) {
    const again = dropped(t, content)
    const other = new Queue()
    const options = { format, batchBytesMax: 1 }
    const killed = await spooled(again, other, { options, batches, acks: batches % 2 === 0 }).then(() => false, () => true)
    if (!killed) break
    await spooled(again, other, { options })
    t.same(other.bodies, queue.bodies, `killed after ${batches} batches`)
  }
  return { bodies: queue.bodies.map((body) => Buffer.from(body, 'latin1').toString()), said, refused, left }
}

t.test('--whole: a file is an event, and a larger one stays', async (t) => {
  t.same((await events(t, whole, 'two\nlines\n')).bodies, ['two\nlines\n'])
  t.same((await events(t, whole, gzipSync('packed'))).bodies, ['packed'])
  const bytes = Buffer.from([0, 255, 10, 254])
  const queue = new Queue()
  await spooled(dropped(t, bytes), queue, { options: { format: whole } })
  t.same(queue.bodies, [bytes.toString('latin1')], 'as base64 on its way')
  const directory = dropped(t, 'x'.repeat(2000))
  const { said } = await spooled(directory, new Queue(), { options: { format: whole, eventBytesMax: 1000 } })
  t.match(said, [/^cannot read all of .*\/a: it is longer than 1000 bytes: allow more with --event-bytes-max$/])
  t.same(fs.readdirSync(directory), ['a'])
})

t.test('--json: elements of arrays, and values one behind the other', async (t) => {
  for (const [content, expected] of [
    ['[{"a":1},{"a":"],[\\"}"},[1,2],"x,y",-1.5e3,true,null]', ['{"a":1}', '{"a":"],[\\"}"}', '[1,2]', '"x,y"', '-1.5e3', 'true', 'null']],
    ['\ufeff[\n  {\n    "a": 1,\r\n    "b": "c  d"\n  },\n  2\n]\n', ['{"a": 1,"b": "c  d"}', '2']],
    [`[{"a":"${' '.repeat(2e6)}" ,\n "b":1}]`, [`{"a":"${' '.repeat(2e6)}" ,"b":1}`]],
    ['{"a":1}\n{"a":2}\n3', ['{"a":1}', '{"a":2}', '3']],
    ['[1][2,3]', ['1', '2', '3']],
    ['[]', []],
    ['', []],
    [`[${Array.from({ length: 9000 }, (_, n) => `{"n":${n},"é":"${'ü'.repeat(9)}"}`).join()}]`, Array.from({ length: 9000 }, (_, n) => `{"n":${n},"é":"${'ü'.repeat(9)}"}`)],
  ] as const) {
    const { bodies, said, left } = await events(t, jsonValues, content, content.length < 1000)
    t.same(bodies, expected)
    t.same(said, [])
    t.same(left, ['a.COMPLETED'])
  }
})

t.test('--json: what is no JSON goes to the rejects; a file that ends in the middle stays', async (t) => {
  const { bodies, refused, left } = await events(t, jsonValues, '[1, nope, {"a":}, 2]')
  t.same(bodies, ['1', '2'])
  t.same(refused, ['nope', '{"a":}'])
  t.same(left, ['a.COMPLETED'])
  t.same((await events(t, jsonValues, 'a,b\n]1 }')).refused, ['a', ',b', ']1', '}'])
  for (const content of ['[1, 2', '[1, 2, {"a":']) {
    const cut = await events(t, jsonValues, content)
    t.same(cut.bodies.slice(0, 1), ['1'])
    t.match(cut.said, [/it ends in the middle of an? (array|value), at byte \d+$/])
    t.same(cut.left, ['a'])
  }
})

t.test('--csv: records with the names of the first', async (t) => {
  const { bodies, said, left } = await events(t, csv(','), '\ufeffa,b\r\n1,"x\r\ny ""q"""\r\n\r\n2,é\n3,z,more\n4\n5,"a "" b"')
  t.same(bodies, ['{"a":"1","b":"x\\r\\ny \\"q\\""}', '{"a":"2","b":"é"}', '{"a":"3","b":"z","3":"more"}', '{"a":"4"}', '{"a":"5","b":"a \\" b"}'])
  t.same(said, [])
  t.same(left, ['a.COMPLETED'])
  t.same((await events(t, csv('\t'), 'a\tb\n1\t2\n')).bodies, ['{"a":"1","b":"2"}'])
  t.same((await events(t, csv(','), 'a,b\n')).bodies, [])
  const odd = await events(t, csv(','), Buffer.from('a,b\n1,\xff\n2,x\n', 'latin1'))
  t.same(odd.bodies, ['{"a":"2","b":"x"}'])
  t.same(odd.refused, ['1,\xff\n'])
})

t.test('--csv: columns of one name, or without one, have their numbers, and stand in their order', async (t) => {
  for (const [header, record, expected] of [
    ['id,name,name', '1,first,second', '{"id":"1","name":"first","3":"second"}'],
    ['2,', 'x,y', '{"2":"x","_2":"y"}'],
    ['a,a,2,3', 'w,x,y,z', '{"a":"w","_2":"x","2":"y","3":"z"}'],
    ['2024,2023,b,__proto__', '1,2,3,4,5', '{"2024":"1","2023":"2","b":"3","__proto__":"4","5":"5"}'],
    ['5,b', '1,2,3,4,5', '{"5":"1","b":"2","3":"3","4":"4","_5":"5"}'],
  ] as const) t.same((await events(t, csv(','), `${header}\n${record}\n`)).bodies, [expected], header)
})

t.test('--csv: a name that is not UTF-8 counts as none', async (t) => {
  t.same((await events(t, csv(','), Buffer.from('\xe9,b,\xe8\n1,2,3\n', 'latin1'))).bodies, ['{"1":"1","b":"2","3":"3"}'])
})

t.test('--avro: records as JSON, of each codec that there is, longs as they are', async (t) => {
  const type = avro.Type.forSchema({
    type: 'record', name: 'R',
    fields: [
      { name: 'n', type: 'long' }, { name: 's', type: ['null', 'string'] }, { name: 'b', type: 'bytes' }, { name: 'l', type: { type: 'array', items: 'double' } },
    ],
  })
  const records = Array.from({ length: 300 }, (_, n) => ({ n, s: n % 2 === 0 ? null : `é${n}`, b: Buffer.from([n % 256]), l: [n / 2] }))
  const expected = records.map(({ n, s, b, l }) => `{"n":${n},"s":${JSON.stringify(s)},"b":${JSON.stringify(b.toString('latin1'))},"l":[${l.join()}]}`)
  for (const codec of ['null', 'deflate'] as const) {
    const content = await container(type, records, codec)
    const { bodies, said, left } = await events(t, avroRecords, content, codec === 'null')
    t.same(bodies, expected, codec)
    t.same(said, [])
    t.same(left, ['a.COMPLETED'])
    const cut = await events(t, avroRecords, content.subarray(0, content.length - 20), false)
    t.match(cut.said, [/it ends in the middle of the block at byte \d+$/])
    t.same(cut.left, ['a'])
  }
  t.match((await events(t, avroRecords, 'no Avro at all')).said, [/it is no Avro container file$/])
})

t.test('--avro: records of a block that has fewer bytes share places, and each is sent once', async (t) => {
  const type = avro.Type.forSchema({ type: 'record', name: 'R', fields: [{ name: 'n', type: 'long' }] })
  const expected = Array.from({ length: 600 }, (_, n) => `{"n":${Math.floor(n / 100)}}`)
  const content = await container(type, expected.map((body) => JSON.parse(body) as unknown), 'deflate', 300)
  t.ok(content.length < expected.length / 2)
  t.same((await events(t, avroRecords, content)).bodies, expected)
  const sizes: number[] = []
  const queue = new Queue()
  const between = ({ bodies }: Queue): void => void sizes.push(bodies.length - sizes.reduce((sum, size) => sum + size, 0))
  const noHeaders = { known: [], fixed: new Map() }
  await spooled(dropped(t, content), queue, { options: { format: avroRecords, batchBytesMax: 40 * '{"body":"{\\"n\\":0}"}\n'.length, headers: noHeaders }, between })
  t.same(queue.bodies, expected)
  t.ok(sizes.every((size) => size <= 40), 'a batch is no longer than it may be where places are close enough')
  t.ok(sizes.slice(0, -1).filter((size) => size > 30).length > sizes.length / 2, 'and it is filled as far as that goes')
})

t.test('--avro: a record has no place in the header, nor in a block without records', async (t) => {
  const type = avro.Type.forSchema({ type: 'record', name: 'R', fields: [{ name: 'n', type: 'long' }] })
  const content = await container(type, Array.from({ length: 300 }, () => ({ n: 7 })), 'deflate')
  const sync = content.subarray(-16)
  const start = content.indexOf(sync) + 16
  const empty = Buffer.concat([Buffer.from([0, 4, 3, 0]), sync]) // two bytes, which unpacked are none
  const { bodies } = await events(t, avroRecords, Buffer.concat([content.subarray(0, start), empty, empty, content.subarray(start)]))
  t.same(bodies, Array.from({ length: 300 }, () => '{"n":7}'))
})

t.test('--avro: records without a byte of their own are sent, unless far too many would share a place', async (t) => {
  const type = avro.Type.forSchema({ type: 'record', name: 'R', fields: [{ name: 'n', type: 'null' }] })
  const { bodies, left } = await events(t, avroRecords, await container(type, Array.from({ length: 200 }, () => ({ n: null })), 'null'))
  t.same(bodies, Array.from({ length: 200 }, () => '{"n":null}'))
  t.same(left, ['a.COMPLETED'])
  const content = await container(type, [{ n: null }], 'null')
  const block = Buffer.concat([avro.Type.forSchema('long').toBuffer(1e9), Buffer.from([0]), content.subarray(-16)])
  const many = await events(t, avroRecords, Buffer.concat([content, block]))
  t.same(many.bodies, ['{"n":null}'])
  t.match(many.said, [/the block at byte \d+ has 1000000000 records in 22 bytes$/])
  t.same(many.left, ['a'])
})

t.test('--avro: what comes before the damage in a block is sent, also where it shares a place with what is lost', async (t) => {
  const type = avro.Type.forSchema({ type: 'record', name: 'R', fields: [{ name: 'n', type: 'long' }] })
  for (let size = 600; size < 640; size++) { // in one of these it shares the last place of the block
    const content = await container(type, Array.from({ length: size }, () => ({ n: 7 })), 'deflate', 64 * 1024)
    const { bodies, said, left } = await events(t, avroRecords, withCount(content, size, size + 1), size % 20 === 0)
    t.equal(bodies.length, size)
    t.match(said, [new RegExp(`record ${size + 1} of the block at byte \\d+ is cut off$`)])
    t.same(left, ['a'])
  }
})

t.test('--avro: each of the records that are refused at one place is kept, once, whoever is killed', async (t) => {
  const type = avro.Type.forSchema({ type: 'record', name: 'R', fields: [{ name: 's', type: 'string' }] })
  const records = [...'a'.repeat(300), ...Array.from({ length: 600 }, () => 'long'.repeat(20)), ...'b'.repeat(300)].map((s) => ({ s }))
  const content = await container(type, records, 'deflate', 64 * 1024)
  const options = { format: avroRecords, eventBytesMax: 60, batchBytesMax: 1000, headers: { known: [], fixed: new Map() } }
  for (let batches = 1, killed = true; killed; batches++) {
    const directory = dropped(t, content)
    const queue = new Queue()
    const path = `${directory}.rejects`
    const run = async (most?: number): Promise<boolean> => {
      const refused = new Rejects(nodeDisk, path, new FakeClock(), () => undefined)
      const ended = await spooled(directory, queue, { options, around: { refused }, ...(most !== undefined && { batches: most }) }).then(() => true, () => false)
      await refused.close()
      return ended
    }
    killed = !(await run(batches))
    await run()
    t.equal(queue.bodies.length, 600)
    t.equal(fs.readFileSync(path, 'utf8').split('\n').length - 1, 600, `killed after ${batches} batches`)
    const file = await nodeDisk.open(path, 'read')
    let lines = 0
    for await (const { number } of refusedLines(file, fs.statSync(path).size, 1000)) lines = Math.max(lines + 1, number)
    t.equal(lines, 600)
    await file.close()
  }
})

/** The first block says that it has another number of records. */
function withCount(content: Buffer, count: number, other: number): Buffer {
  const [before, after] = [count, other].map((each) => avro.Type.forSchema('long').toBuffer(each))
  const at = content.indexOf(content.subarray(-16)) + 16
  return Buffer.concat([content.subarray(0, at), after!, content.subarray(at + before!.length)])
}

function container(type: avro.Type, records: readonly unknown[], codec: string, blockSize = 500): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const encoder = new avro.streams.BlockEncoder(type, { codec, blockSize })
    const chunks: Buffer[] = []
    encoder.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks))).on('error', reject)
    for (const record of records) encoder.write(record)
    encoder.end()
  })
}
