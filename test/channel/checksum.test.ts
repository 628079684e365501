/** The checksum of a segment: the same whichever library computes it. */
import t from 'tap'
import { crc32 as reference } from 'node:zlib'
import { crc32 } from '../../src/channel/checksum.js'
import { randomOf } from '../support/numbered-log.js'

t.test('a checksum is that of zlib, in a small flow and after the faster library is loaded', async (t) => {
  const random = randomOf(11)
  const bytes = Buffer.from(Array.from({ length: 300_000 }, () => random(256)))
  const wrong: number[] = []
  for (let flow = 0; flow < 24 * 1024 * 1024; ) {
    const part = bytes.subarray(random(100_000), 100_000 + random(200_000))
    const before = random(2) === 0 ? 0 : crc32(bytes.subarray(0, 5))
    if (crc32(part, before) !== reference(part, before)) wrong.push(flow)
    flow += part.length
  }
  t.same(wrong, [], 'no flow after which it is another')
})
