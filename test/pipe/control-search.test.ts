/** The search for the mark that ends a batch: whatever was learnt of earlier ones, it finds the first, and that one only. */
import t from 'tap'
import { ControlSearch } from '../../src/pipe/control-search.js'
import { markLine, tagOf } from '../../src/pipe/control.js'
import { randomOf } from '../support/numbered-log.js'

const NONCE = 'b3c1d2'
const TAG = tagOf(NONCE)
const MARK = { partition: 'file.a.b', from: null, to: { offset: 7 }, time: 1, replayable: true }
const LARGEST = 300_000
/** Lines that look like events, with the beginning of a tag among them. */
const LINES = Buffer.from('{"headers":{"host":"a"},"body":"{\\"flume\\":1"}\n{"flume":"b3c1\n'.repeat(6_000)).subarray(0, LARGEST)

function batch(size: number, number: number): Buffer {
  const lines = Buffer.from(LINES.subarray(0, size))
  lines[size - 1] = 10
  return Buffer.concat([lines, markLine(NONCE, number, size, 1, MARK)])
}

/** Sizes as they come from a source: large ones that differ by a line, and at times whatever. */
function sizesOf(seed: number): number[] {
  const random = randomOf(seed)
  const usual = [280_000, 280_000, 200_000].map((size) => size - random(9_000))
  return Array.from({ length: 40 }, (_, index) => (random(5) === 0 ? 1 + random(LARGEST) : usual[index % 3]! - random(300)))
}

t.test('each batch is found where it ends, however its bytes come in', async (t) => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = randomOf(seed)
    const sizes = sizesOf(seed)
    const sent = Buffer.concat(sizes.map((size, index) => batch(size, index + 1)))
    const search = new ControlSearch()
    const found: number[] = []
    for (let start = 0, end = 0; start < sent.length; ) {
      end = Math.min(sent.length, end + 1 + random(1 + random(400_000)))
      for (;;) {
        const control = search.mark(sent.subarray(start, end), TAG, end === sent.length)
        if (control === undefined) break
        found.push(control.at)
        start += control.end + 1
      }
    }
    t.same(found, sizes, `seed ${seed}`)
  }
})

t.test('a batch that has come whole is found before anything follows it', async (t) => {
  const search = new ControlSearch()
  const sizes = [...sizesOf(3), 90, 91, 250_000, 92]
  t.same(sizes.map((size) => search.mark(batch(size, 1), TAG, false)?.at), sizes)
})

t.test('two batches that have come together, the first of a new size, are found one after the other', async (t) => {
  const search = new ControlSearch()
  search.mark(batch(280_000, 1), TAG, false)
  const both = Buffer.concat([batch(100_000, 2), batch(280_000, 3)])
  t.equal(search.mark(both, TAG, false)?.at, 100_000)
})

t.test('bytes of somebody else before a mark do not hide it', async (t) => {
  const search = new ControlSearch()
  search.mark(batch(280_000, 1), TAG, false)
  const mixed = Buffer.concat([Buffer.from('stranger\n'), batch(280_000, 2)])
  t.equal(search.mark(mixed, TAG, false)?.at, 280_009)
})
