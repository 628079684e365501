import t from 'tap'
import {
  NAME_SIZE_MAX, PREFIX_SIZE_MAX, SUFFIX_SIZE_MAX, decodeName, encodeName, fitted, isSuffix, isTemporaryOf, noteEnd, streamOf, temporaryName,
} from '../../../src/sinks/hdfs/name.js'

/** The same numbers in each run. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function textOf(alphabet: string, size: number, pick: (below: number) => number): string {
  return Array.from({ length: size }, () => alphabet[pick(alphabet.length)]).join('')
}

t.test('a name is read back as it was written, whatever prefix, stream and suffix are', async (t) => {
  const pick = chance(7)
  const digits = '00000000000000000000-00000000000000000009'
  for (let n = 0; n < 3000; n++) {
    const prefix = `x${textOf('ab09._=-', pick(20), pick)}${pick(4) === 0 ? `.s.01234567.${digits}` : ''}`.slice(0, PREFIX_SIZE_MAX)
    const stream = streamOf(`queue.${textOf('ab09._-', 1 + pick(20), pick)}`)
    const suffix = ['', '.log', '.', '.log.gz', '.a=b_c'][pick(5)] as string
    const first = pick(2 ** 31) * 2 ** pick(20)
    const name = { prefix, stream, bucket: pick(2 ** 31).toString(16).padStart(8, '0'), first, last: first + pick(1000), suffix }
    if (JSON.stringify(decodeName(encodeName(name))) !== JSON.stringify(name)) t.fail(encodeName(name))
  }
  t.equal(
    encodeName({ prefix: 'events', stream: streamOf('queue.ab-1.default'), bucket: '01ab23cd', first: 0, last: 99, suffix: '.log' }),
    'events.queue=ab-1=default.01ab23cd.00000000000000000000-00000000000000000099.log',
  )
})

t.test('what is no name of ours is not read as one', async (t) => {
  for (const name of [
    '', 'x', '_SUCCESS', 'events.s.1-2.log', 'events.00000000000000000000-00000000000000000009.log', 'events.s.01234567.00000000000000000000-0000000000000000000x.log', 'events.s.00000000000000000000-00000000000000000009.log', 'events.s.0123456g.00000000000000000000-00000000000000000009.log',
    'events.s.01234567.00000000000000000000-00000000000000000009log', 'events.s.01234567.00000000000000000000-00000000000000000009.l g', temporaryName('s', 'abc'),
    'events.s.01234567.00000000000000000001-80000000000000000020.log', // no event has this number
  ]) t.equal(decodeName(name), undefined, name)
})

t.test('the longest name still fits', async (t) => {
  const name = encodeName({
    prefix: 'p'.repeat(PREFIX_SIZE_MAX), stream: streamOf(`queue.${'q'.repeat(500)}`), bucket: '01234567', first: Number.MAX_SAFE_INTEGER, last: Number.MAX_SAFE_INTEGER,
    suffix: `.${'s'.repeat(SUFFIX_SIZE_MAX - 1)}`,
  })
  t.equal(name.length, NAME_SIZE_MAX)
  t.not(streamOf(`queue.${'q'.repeat(500)}`), streamOf(`queue.${'q'.repeat(501)}`), 'cut, and still distinct')
})

t.test('a suffix begins with a dot, is short, and never looks like a range', async (t) => {
  for (const good of ['', '.log', '.log.gz', '.']) t.ok(isSuffix(good), good)
  for (const bad of ['log', '.a b', '.a/b', '.00000000000000000000-00000000000000000009', '.x.00000000000000000000-00000000000000000009.y', `.${'x'.repeat(40)}`]) {
    t.notOk(isSuffix(bad), bad)
  }
})

t.test('a frontier counts exactly this prefix, stream and bucket, and any suffix', async (t) => {
  const named = (prefix: string, stream: string, first: number, last: number, suffix = '.log', bucket = 'aaaaaaaa'): string =>
    encodeName({ prefix, stream, bucket, first, last, suffix })
  const names = [
    named('events', 's', 0, 9), named('events', 's', 10, 19, '.log.gz'), named('events', 't', 0, 99), named('events.s', 't', 0, 999),
    named('other', 's', 0, 9999), named('events', 's', 0, 29, '.log', 'bbbbbbbb'), temporaryName('s', 'abc'), 'events.s.x',
  ]
  const endsOf = (stream: string): Record<string, number> => {
    const ends = new Map<string, number>()
    for (const name of names) noteEnd(ends, name, stream)
    return Object.fromEntries(ends)
  }
  t.same(endsOf('s'), { 'events.aaaaaaaa': 20, 'events.bbbbbbbb': 30, 'other.aaaaaaaa': 10_000 })
  t.same(endsOf('t'), { 'events.aaaaaaaa': 100, 'events.s.aaaaaaaa': 1000 })
  t.same(endsOf('u'), {})
})

t.test('a temporary name belongs to exactly one stream', async (t) => {
  t.ok(isTemporaryOf(temporaryName('queue=a=b', '1-2'), 'queue=a=b'))
  t.notOk(isTemporaryOf(temporaryName('queue=a=b', '1-2'), 'queue=a'))
  t.notOk(isTemporaryOf(temporaryName('queue=a=b', '1-2'), 'queue=a=bc'))
  t.notOk(isTemporaryOf('_queue=a=b.1-2.tmp.log', 'queue=a=b'))
})

t.test('a long text is cut between characters, and ends in the hash of the whole', async (t) => {
  const long = 'é'.repeat(200)
  t.ok(Buffer.byteLength(fitted(long, 255)) <= 255)
  t.match(fitted(long, 255), /^é+-[0-9a-f]{16}$/)
  t.not(fitted(long, 255), fitted(`${long}x`, 255))
  t.equal(fitted('é'.repeat(100), 255), 'é'.repeat(100))
  t.equal(Buffer.byteLength(fitted(`${'x'.repeat(238)}é`.repeat(9), 256)), 255, 'as much as fits, and no half of a character')
  const head = (text: string): string => fitted(text, 255).slice(0, -16)
  t.equal(head('é'.repeat(2 ** 22)), head(long), 'of whatever length, by looking at no more than what is kept')
})
