/** Whatever bytes a decoder is given, it takes them or says why not. In small; `npm run prove:fuzz` for all of it. */
import t from 'tap'
import { faultOf, explore } from './fuzz/campaign.js'
import { grown } from './fuzz/growth.js'
import { runProperties } from './fuzz/properties.js'
import { TARGETS } from './fuzz/targets.js'

const INPUTS = 60
const RUNS = 100

/** What campaigns have found, mended since: the decoder, and the least input. */
const FOUND: readonly (readonly [target: string, input: string | Buffer])[] = [
  ['cursor whose checksum is right', 'short'],
  ['changes of positions', 'null'],
  ['queue.json', 'null'],
  ['queue.json', '{"format":1,"queue":"1b4e28ba-2fa1-11d2-883f-0016d3cca427","formerly":"x","inode":"2","born":"3"}'],
  ['control line', 'null'],
  ['control line', '{"flume":"n","begin":"some"}'],
  ['control line', '{"flume":"n","mark":1,"bytes":2,"events":3,"time":4,"partition":"p","from":null,"to":{"offset":5},"gone":1}'],
  ['message up the pipe', 'null'],
  ['message down the pipe', 'null'],
  ['partitions of a have', '__proto__'],
  ['state of flume-tail', '{"version":1,"partitions":{"a":null}}'],
  ['answer of a NameNode', '{"DirectoryListing":{"partialListing":{"FileStatuses":{"FileStatus":[null]}}}}'],
  ['escapes of a path', '/%[constructor]'],
  ['core-site.xml', bomb()],
  ['Avro of a spool', hugeBlock()],
  ['Avro of a spool', Buffer.from('T2JqAfCfmIAE', 'base64')],
]

t.test('no decoder fails on what another one failed on before', async (t) => {
  for (const [name, input] of FOUND) {
    const target = TARGETS.find((each) => each.name === name)
    t.ok(target, name)
    t.equal(target && (await faultOf(target, Buffer.from(input))), undefined, `${name}: ${input.toString().slice(0, 100)}`)
  }
})

t.test('every decoder takes real inputs with changes, or refuses them', async (t) => {
  for (const target of TARGETS) {
    const found = await explore(target, 1, INPUTS)
    t.equal(found?.fault, undefined, found === undefined ? target.name : `${target.name}: ${found.input}`)
  }
})

t.test('what is encoded comes back, and JSON says the same', async (t) => {
  t.ok(runProperties(1, RUNS) > RUNS)
})

t.test('a decoder whose work grows with the square of an input is found, and one with a step in it is not', async (t) => {
  const KiB = 1024
  const foundAt = async (msOf: (size: number) => number): Promise<string[]> => {
    let now = 0
    const take = (bytes: Buffer): void => void (now += msOf(bytes.length))
    const inputs: string[] = []
    for await (const { input } of grown({ name: 'planted', seeds: ['seed'], take }, () => undefined, () => now)) inputs.push(input)
    return inputs
  }
  for (const [rule, msOf] of [
    ['the square, from the smallest input on', (size: number) => (size / KiB) ** 2 / 100],
    ['the square, beside work that is as much for 128 KiB', (size: number) => size / KiB + (size / KiB) ** 2 / 128],
    ['less than the square', (size: number) => (size / KiB) ** 1.6 / 10],
  ] as const) t.ok((await foundAt(msOf)).includes('seed 0 again and again'), rule)
  let calls = 0
  for (const [rule, msOf] of [
    ['in proportion', (size: number) => size / KiB / 10],
    ['another way from 1 MiB on', (size: number) => size / KiB / 20 + (size >= 1024 * KiB ? 250 : 0)],
    ['another way from 64 KiB on', (size: number) => size / KiB / 20 + (size >= 64 * KiB ? 250 : 0)],
    ['garbage that is collected now and then', (size: number) => size / KiB / 20 + (++calls % 3 === 0 ? 200 : 0)],
  ] as const) t.strictSame(await foundAt(msOf), [], rule)
})

/** An Avro file whose block says that it has 2^62 records. */
function hugeBlock(): Buffer {
  const file = Buffer.from(TARGETS.find(({ name }) => name === 'Avro of a spool')!.seeds[0]!)
  const sync = Buffer.alloc(16, 7)
  return Buffer.concat([file.subarray(0, file.indexOf(sync) + sync.length), Buffer.alloc(8, 0xff), Buffer.from([0x7f])])
}

/** Each variable is two of the next. */
function bomb(): string {
  const properties = Array.from({ length: 19 }, (_, n) => `<property><name>v${n}</name><value>\${v${n + 1}}\${v${n + 1}}</value></property>`)
  return `<configuration><property><name>fs.defaultFS</name><value>\${v0}</value></property>${properties.join('')}<property><name>v19</name><value>x</value></property></configuration>`
}
