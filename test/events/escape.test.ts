/** The loops and their twins: whatever they are given, they write the same bytes and stop at the same line. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { plainEscaping, type Escaping, type Pass, type Run } from '../../src/events/escape-plain.js'
import { simdEscaping } from '../../src/events/escape-simd.js'
import { compileKernels } from '../support/kernels.js'
import { bytesOf, numbersFrom } from '../support/ndjson.js'
import '../support/real-processes.js'
import { ROOT } from '../support/source.js'

const simd = simdEscaping()!
const NEWLINE = Buffer.from('\n')
/** What must not be written. */
const UNTOUCHED = 0xaa
const HEADS = ['', '{', '{"body":"', '0123456789abcde', '0123456789abcdef', '0123456789abcdef0', 'x'.repeat(100), 'y'.repeat(4096), 'z'.repeat(4097)]
  .map((text) => Buffer.from(text))
const PLAIN_HEAD = Buffer.from('{"body":"')

interface Outcome {
  readonly run: Run
  readonly written: Buffer
}

/** A way to run the loops: which ones, and on what memory. */
interface Twin {
  readonly escaping: Escaping
  /** Memory for input and output of so many bytes. */
  source(size: number): Buffer
  target(size: number): Buffer
}

const own = (size: number): Buffer => Buffer.alloc(size)
const [input, output] = [simd.allocate(2 * 1024 * 1024), simd.allocate(8 * 1024 * 1024)]
const TWINS: readonly Twin[] = [
  { escaping: plainEscaping, source: own, target: own },
  { escaping: simd, source: own, target: own },
  { escaping: simd, source: (size) => input.subarray(0, size), target: (size) => output.subarray(0, size) },
]

/** `from` and `at` begin at any address, and around what is given there is more. */
function escape({ escaping, source, target }: Twin, raw: Buffer, room: number, head: Buffer, shift = 0): Outcome {
  const given = fill(source, [Buffer.alloc(shift, '"'), raw, Buffer.from('\nmore\n')])
  const out = target(shift + room + 64).fill(UNTOUCHED)
  const run = escaping.escapeLines(given, shift, shift + raw.length, out, shift, shift + room, head)
  if (!out.subarray(shift + room).every((byte) => byte === UNTOUCHED)) throw new Error('written past the limit')
  return outcome(run, given.subarray(shift, shift + run.consumed), out, shift)
}

function unescape({ escaping, source, target }: Twin, lines: Buffer, room: number, head: Buffer, shift = 0): Outcome {
  const given = fill(source, [Buffer.alloc(shift, '"'), lines, Buffer.from('"}\nmore"}\n')])
  const out = target(shift + room + 64).fill(UNTOUCHED)
  const run = escaping.unescapeLines(given, shift, shift + lines.length, out.subarray(0, shift + room), shift, head)
  if (!out.subarray(shift + room).every((byte) => byte === UNTOUCHED)) throw new Error('written past the end')
  const skipped = escaping.skipLines(given, shift, shift + lines.length, head)
  const all = plainEscaping.unescapeLines(given, shift, shift + lines.length, Buffer.alloc(lines.length), 0, head)
  if (skipped.consumed !== all.consumed || skipped.count !== all.count) throw new Error('skipped otherwise')
  if (skipped.ascii && given.subarray(shift, shift + skipped.consumed).some((byte) => byte > 0x7f)) throw new Error('skipped as ASCII')
  return outcome(run, given.subarray(shift, shift + run.consumed), out, shift)
}

function fill(source: Twin['source'], parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(parts)
  const given = source(bytes.length)
  bytes.copy(given)
  return given
}

function outcome({ consumed, written, count, ascii }: Pass, taken: Buffer, out: Buffer, shift: number): Outcome {
  if (!out.subarray(0, shift).every((byte) => byte === UNTOUCHED)) throw new Error('written before the place')
  if (ascii && taken.some((byte) => byte > 0x7f)) throw new Error('taken for ASCII')
  return { run: { consumed, written, count }, written: Buffer.from(out.subarray(shift, shift + written)) }
}

/** What all twins do; undefined: not the same. */
function agreed(act: typeof escape, ...given: [Buffer, number, Buffer, number?]): Outcome | undefined {
  const [plain, ...others] = TWINS.map((twin) => act(twin, ...given))
  const same = others.every(({ run, written }) => written.equals(plain!.written) && JSON.stringify(run) === JSON.stringify(plain!.run))
  return same ? plain : undefined
}

/** What `raw` becomes at most. */
const sizeMax = (raw: Buffer, head: Buffer): number => raw.reduce((size, byte) => size + (byte === 10 ? head.length + 9 : 6), 0)

const TAIL = join(ROOT, 'bin/flume-tail')

t.test('this Node has SIMD, and escape-wasm.ts is what escape.wat gives', async (t) => {
  t.ok(simd)
  t.equal(await compileKernels(), readFileSync(join(ROOT, 'src/events/escape-wasm.ts'), 'utf8'))
})

t.test('every byte alike, alone and beside every other', async (t) => {
  const all = [...Array(256).keys()].filter((byte) => byte !== 10)
  const raw = Buffer.from(all.flatMap((one) => [...all.flatMap((other) => [one, other]), 10, one, 10, 120, one, 10, one, 120, 10]))
  const escaped = agreed(escape, raw, sizeMax(raw, PLAIN_HEAD), PLAIN_HEAD)
  t.equal(escaped?.run.consumed, raw.length)
  const back = agreed(unescape, escaped!.written, escaped!.written.length, PLAIN_HEAD)
  t.equal(back?.run.consumed, escaped!.written.length)
  t.equal(back?.written.toString('latin1'), raw.toString('latin1').replace(/\r\n/g, '\n'))
})

t.test('every byte at every place of a short line', async (t) => {
  for (let byte = 0; byte < 256; byte++) {
    const lines = Array.from({ length: 36 }, (_, at) => {
      const line = Buffer.alloc(36, 'x')
      line[at] = byte
      return Buffer.concat([line, NEWLINE])
    })
    const raw = Buffer.concat(lines)
    t.ok(agreed(escape, raw, sizeMax(raw, PLAIN_HEAD), PLAIN_HEAD), `escapeLines() of ${byte}`)
    const events = lines.map((line) => Buffer.concat([PLAIN_HEAD, line.subarray(0, 36), Buffer.from('"}\n')]))
    t.ok(events.every((event) => agreed(unescape, Buffer.concat([event, event]), 100, PLAIN_HEAD)), `unescapeLines() of ${byte}`)
  }
})

t.test('generated lines: any head, any room, any address, and back', async (t) => {
  const next = numbersFrom(11)
  let stopped = 0
  for (let round = 0; round < 4000; round++) {
    const raw = Buffer.concat([bytesOf(next, next(600)), NEWLINE])
    const head = HEADS[next(HEADS.length)]!
    const most = sizeMax(raw, head)
    const whole = agreed(escape, raw, most, head)!
    t.equal(whole.run.consumed, raw.length)
    const escaped = agreed(escape, raw, next(whole.written.length + 10), head, next(20))
    const back = agreed(unescape, whole.written, next(whole.written.length), head, next(20))
    if (!escaped || !back) {
      t.fail(`round ${round}`)
      break
    }
    if (escaped.run.consumed < raw.length && back.run.consumed < whole.run.written) stopped++
    t.ok(whole.written.subarray(0, escaped.run.written).equals(escaped.written))
    const wanted = Buffer.from(raw.toString('latin1').replace(/\r\n/g, '\n'), 'latin1')
    t.ok(wanted.subarray(0, back.written.length).equals(back.written))
  }
  t.ok(stopped > 1000)
})

t.test('every room, to the byte', async (t) => {
  const raw = Buffer.from(`first "line"\n\n${'\u0001'.repeat(20)}\nlonger than sixteen bytes, "quoted"\r\n\r\n\r\r\n${'plain'.repeat(10)}\nlast\n`)
  for (const head of HEADS.slice(0, 7)) {
    const whole = agreed(escape, raw, sizeMax(raw, head), head)!.written
    const sizes = (most: number): number[] => [...Array(most + 1).keys()]
    t.ok(sizes(whole.length + 10).every((room) => agreed(escape, raw, room, head)), 'escapeLines() into that much')
    t.ok(sizes(raw.length).every((room) => agreed(unescape, whole, room, head)), 'unescapeLines() into that much')
    t.ok(sizes(raw.length).every((size) => agreed(escape, raw.subarray(0, size), whole.length, head)), 'escapeLines() of that much')
    t.ok(sizes(whole.length).every((size) => agreed(unescape, whole.subarray(0, size), raw.length, head)), 'unescapeLines() of that much')
  }
})

t.test('garbage is refused alike: bytes of event lines changed, taken out and put in', async (t) => {
  const next = numbersFrom(13)
  const odd = [...Buffer.from('"\\u0019afgAF}\n\r\0\t{x'), 0x80, 0xff]
  let refused = 0
  for (let round = 0; round < 20_000; round++) {
    const raw = Buffer.concat([bytesOf(next, next(150)), NEWLINE])
    const head = HEADS[next(7)]!
    const lines = agreed(escape, raw, sizeMax(raw, head), head)!.written
    const at = next(lines.length)
    const put = Buffer.from(Array.from({ length: next(7) }, () => odd[next(odd.length)]!))
    const changed = Buffer.concat([lines.subarray(0, at), put, lines.subarray(at + next(7))])
    const back = agreed(unescape, changed, changed.length, head, next(20))
    if (!back) {
      t.fail(`round ${round}`)
      break
    }
    if (back.run.consumed < changed.length) refused++
  }
  t.ok(refused > 5000, `${refused} were refused`)
})

t.test('\\u escapes of ASCII are read, with digits of either case, others are not', async (t) => {
  for (let code = 0; code < 0x200; code++) {
    const digits = code.toString(16).padStart(4, '0')
    for (const text of [digits, digits.toUpperCase()]) {
      const lines = Buffer.from(`{"body":"x"}\n{"body":"a\\u${text}"}\n`)
      const back = agreed(unescape, lines, 100, PLAIN_HEAD)
      t.equal(back?.written.toString(), code < 0x80 ? `x\na${String.fromCharCode(code)}\n` : 'x\n')
    }
  }
})

t.test('more than goes in at once, and lines as long as that and longer', async (t) => {
  const next = numbersFrom(17)
  const part = 32 * 1024
  for (const size of [part - 13, part - 12, part - 11, part - 10, part - 1, part, part + 1, 3 * part]) {
    for (const fill of ['x', '"', '\u0001']) {
      const long = Buffer.concat([Buffer.alloc(size - 1, fill), NEWLINE])
      const raw = Buffer.concat([bytesOf(next, 1000), NEWLINE, long, long, Buffer.from('short\n'), bytesOf(next, 70_000), NEWLINE])
      const most = sizeMax(raw, PLAIN_HEAD)
      const escaped = agreed(escape, raw, most, PLAIN_HEAD, next(20))
      t.equal(escaped?.run.consumed, raw.length)
      const back = agreed(unescape, escaped!.written, escaped!.written.length, PLAIN_HEAD, next(20))
      t.equal(back?.run.consumed, escaped!.written.length)
      for (let round = 0; round < 5; round++) {
        if (!agreed(escape, raw, next(most), PLAIN_HEAD)) t.fail('escapeLines() stopped')
        if (!agreed(unescape, escaped!.written, next(2 * raw.length), PLAIN_HEAD)) t.fail('unescapeLines() stopped')
      }
    }
  }
})

t.test('empty lines, which grow most', async (t) => {
  for (const head of HEADS) {
    const raw = Buffer.alloc(Math.ceil(400_000 / (head.length + 3)), '\n')
    const most = raw.length * (head.length + 3) + 6
    const escaped = agreed(escape, raw, most, head)
    t.equal(escaped?.run.count, raw.length, `a head of ${head.length} bytes`)
    t.ok(agreed(escape, raw, most - 1, head))
    t.equal(agreed(unescape, escaped!.written, escaped!.written.length, head)?.run.count, raw.length)
  }
})

t.test('ASCII is seen to be that, in place', async (t) => {
  const raw = Buffer.from('only "ASCII"\n'.repeat(5000))
  const { source, target, escaping } = TWINS[2]!
  const escaped = escaping.escapeLines(fill(source, [raw]), 0, raw.length, target(1_000_000), 0, 1_000_000, PLAIN_HEAD)
  t.same([escaped.consumed, escaped.ascii], [raw.length, true])
})

t.test('memory that the loops reach is of the size asked for, and never given twice', async (t) => {
  const pieces = Array.from({ length: 50 }, (_, index) => simd.allocate(index * 20_000 + 1).fill(index))
  t.same(pieces.map(({ length }) => length), pieces.map((_, index) => index * 20_000 + 1))
  t.ok(pieces.every((piece, index) => piece.every((byte) => byte === index)))
  t.not(simd.allocate(64 * 1024 * 1024).buffer, pieces[0]!.buffer, 'where there is none left, it is other memory')
})

t.test('texts alike: escaped as JSON.stringify() does, copied, and searched for one of two bytes, at any address and with any room', async (t) => {
  const next = numbersFrom(19)
  const signs = [...Buffer.from('"\\[ ]-\n\t\0\x7f'), 0x80, 0xff]
  let found = 0
  for (let round = 0; round < 4000; round++) {
    const text = bytesOf(next, next(next(4) === 0 ? 700 : 40))
    const [shift, at, spare] = [next(20), next(20), next(2) * next(40)]
    const [one, other] = [signs[next(signs.length)]!, signs[next(signs.length)]!]
    const wanted = Buffer.from([...text].flatMap((byte) => (byte < 0x80 ? [...Buffer.from(JSON.stringify(String.fromCharCode(byte)).slice(1, -1))] : [byte])))
    const first = text.findIndex((byte) => byte === one || byte === other)
    if (first >= 0) found++
    const wrong = TWINS.flatMap(({ escaping, source, target }) => {
      const given = fill(source, [Buffer.alloc(shift, '"'), text, Buffer.from(signs)])
      const [from, to] = [shift, shift + text.length]
      const searched = escaping.findEither(given, from, to, one, other) === (first < 0 ? to : from + first)
      return [searched, ...(['escapeText', 'copyText'] as const).map((name) => {
        const [bytes, size] = name === 'copyText' ? [text, text.length] : [wanted, 6 * text.length]
        const out = target(at + size + spare + 64).fill(UNTOUCHED)
        const end = escaping[name](given, from, to, out.subarray(0, at + size + spare), at)
        const around = [out.subarray(0, at), out.subarray(at + size + spare), out.subarray(at + size + 16)]
        return end === at + bytes.length && out.subarray(at, end).equals(bytes) && around.every((each) => each.every((byte) => byte === UNTOUCHED))
      })]
    }).indexOf(false)
    if (wrong >= 0) {
      t.fail(`round ${round}, ${wrong}`)
      break
    }
  }
  t.ok(found > 500, `${found} had one of the two`)
})

t.test('without WebAssembly the plain twin does it', async (t) => {
  const log = join(t.testdir({ log: 'a "line"\nand\tmore\r\n\u0001\n' }), 'log')
  const linesOf = (flag: string): string =>
    execFileSync('sh', ['-c', '"$0" "$1" "$2" --once --no-headers "$3" | cat', process.execPath, flag, TAIL, log], { stdio: ['ignore', 'pipe', 'ignore'] }).toString()
  t.equal(linesOf('--jitless'), '{"body":"a \\"line\\""}\n{"body":"and\\tmore"}\n{"body":"\\u0001"}\n')
  t.equal(linesOf('--no-warnings'), linesOf('--jitless'))
})
