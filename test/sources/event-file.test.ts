/** `flume-buffer --export > FILE` and `flume-buffer --put < FILE`: what comes back, also after a kill in the middle of either. */
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { positionsLine, splitAtPositions } from '../../src/events/positions-line.js'
import { shell } from '../support/shell.js'

/** Lines that nobody may look into: odd bytes, text that is no UTF-8, headers in no order, keys that nobody knows, and huge ones. */
const ODD = [
  '{"headers":{"z":"1","a":"\\u0000","":""},"body":"\\ud83d\\ude00 \\"flume\\""}', '{"body":""}', '{}', '[]', 'no event at all', '', ' ', '\t{"body":"x"}\r',
  '{"flume":"x","mark":1}', '{"headers":{"content-transfer-encoding":"base64"},"body":"/wD+"}', '{"headers":{"flume.gap":"damaged","first":"3","last":"5"},"body":""}',
  `{"body":"${'long '.repeat(500_000)}"}`,
].map((line) => Buffer.from(`${line}\n`))
const BYTES = Buffer.concat([...ODD, Buffer.from([0xff, 0x66, 0x6c, 0x66, 0xc0, 0x00, 10]), ...ODD])

t.test('an export comes back byte for byte, gap events too, and the export of that is the same', async (t) => {
  const directory = t.testdir({ odd: BYTES })
  const { out, err } = await shell(
    `cat odd | flume-buffer --put q; for n in {1..4}; do printf '{"body":"%0200d"}\\n' $n | flume-buffer --put q; done
    printf x | dd of=$(ls q/segments/*) bs=1 seek=$(($(stat -c %s q/segments/*) - 700)) conv=notrunc 2>/dev/null
    flume-buffer ./q --export >f 2>/dev/null; flume-buffer ./q2 --put <f; flume-buffer ./q2 --export | cmp - f && grep -c flume.gap f; cmp odd <(head -c $(stat -c %s odd) f)`,
    directory,
  )
  t.equal(out, '3\n', err)
})

t.test('typed again, a file is put once: after a kill its rest, when it has grown what is new; by cat or written new it is put once more', async (t) => {
  const lines = Array.from({ length: 60_000 }, (_, n) => `{"body":"${n} ${'x'.repeat(n % 300)}"}\n`)
  const directory = t.testdir({ f: lines.join('') })
  const killed = await shell(`for n in {1..6}; do (flume-buffer --put q <f & sleep 0.0$((n * 14)); kill -9 $!; wait $!) 2>/dev/null; done; flume-buffer --put q <f; flume-buffer --export q | cmp - f`, directory)
  t.equal(killed.status, 0, killed.err + killed.out)
  const whole = await shell('flume-buffer --put q <f', directory)
  t.match(whole, { status: 0, err: /^flume-buffer: all of \S+\/f is in the queue already; cat \S+\/f \| puts it once more\n$/ })
  appendFileSync(join(directory, 'f'), '{"body":"one"}\n{"body":"two"}')
  const grown = await shell('flume-buffer --put q <f; flume-buffer --export q | cmp - f; echo >>f; flume-buffer --put q <f; flume-buffer --export q | cmp - f', directory)
  t.match(grown, { out: /^cmp: EOF on f|^$/, status: 0 }, grown.err)
  const count = async (line: string): Promise<number> => Number((await shell(`${line} 2>/dev/null; flume-buffer --export q | wc -l`, directory)).out)
  t.equal(await count(':'), 60_002)
  t.equal(await count('cat f | flume-buffer --put q'), 120_004)
  t.equal(await count('cp f g; flume-buffer --put q <g'), 180_006, 'a copy is another file')
  t.equal(await count('cp f g; flume-buffer --put q <g'), 240_008, 'and the same written once more is put once more')
  t.equal(await count('(read line; flume-buffer --put q) <f'), 300_009, 'one that was begun by somebody else is what is left of it')
})

t.test('an export that was killed ends in half an event: that is told and not put, and the whole export goes on after it', async (t) => {
  const directory = t.testdir({ log: Array.from({ length: 5000 }, (_, n) => `line ${n}\n`).join('') })
  await shell('flume-tail --once log | flume-buffer --put q; flume-buffer --export q >whole', directory)
  const whole = readFileSync(join(directory, 'whole'))
  for (const end of [1, 99_999, whole.length - 1, whole.length - 2]) {
    writeFileSync(join(directory, 'f'), whole.subarray(0, end))
    const last = whole.subarray(0, end).lastIndexOf(10) + 1
    const half = end !== whole.length - 1
    const queue = `q${end}`
    const first = await shell(`flume-buffer --put ${queue} <f`, directory)
    t.equal(first.status, half ? 65 : 0, first.err)
    if (half) t.match(first.err, new RegExp(`cannot put the last line of \\S+/f, ${end - last} bytes from byte ${last} on: it is cut short`))
    const again = await shell(`cat whole >f; flume-buffer --put ${queue} <f; flume-buffer --export ${queue} | cmp - whole`, directory)
    t.equal(again.status, 0, `${end}: ${again.out}`)
  }
})

t.test('with --positions the new queue takes the place of the old one: what sends goes on where it stood', async (t) => {
  const directory = t.testdir({ a: Array.from({ length: 3000 }, (_, n) => `a ${n}\n`).join(''), b: 'b\n' })
  const put = (queue: string): string => `flume-tail --once a b --header h=1 | flume-buffer --put ${queue}; echo "\${PIPESTATUS[*]}"`
  const moved = `flume-buffer ./q --export --positions >f; head -c -1 f | tail -c +1 | grep -c '"flume":"positions"'`
  const first = await shell(`${put('q')}; ${moved}; flume-buffer --put q2 <f; cat f | flume-buffer --put q3; flume-buffer --export --positions q2 | grep -v '^{"flume"' | cmp - <(flume-buffer --export q)`, directory)
  t.equal(first.out, '0 0\n1\n', first.err)
  const more = 'echo "a more" >>a; echo "b more" >>b'
  const { out, err } = await shell(`${more}; ${put('q')}; ${put('q2')}; ${put('q3')}; flume-buffer --export q | wc -l; bodies() { flume-buffer --export $1 | grep -o '"body":"[^"]*"' | sort; }; for q in q2 q3; do cmp <(bodies q) <(bodies $q); done; flume-buffer --put q2 <f; flume-buffer --export q2 | wc -l`, directory)
  t.equal(out, '0 0\n0 0\n0 0\n3003\n3003\n', err)
  t.match(await shell('flume-buffer --export --positions --to 5 q; echo $?; flume-buffer --positions q', directory), { out: '64\n', status: 64, err: /--positions and --to exclude each other.*--positions is for --export/s })
  t.equal((await shell('flume-buffer --export --positions --from 3001 q | wc -l', directory)).out, '3\n')
})

t.test('a line longer than an event may be goes to the rejects, and the rest is put once all the same', async (t) => {
  const directory = t.testdir({ f: `{"body":"1"}\n${'x'.repeat(3_000_000)}\n{"body":"2"}\n` })
  const put = 'flume-buffer --put q --event-bytes-max 1K --rejects r <f'
  const { out, err } = await shell(`${put}; ${put}; flume-buffer --export q; ls r`, directory)
  t.equal(out, '{"body":"1"}\n{"body":"2"}\nr\n', err)
  t.ok(statSync(join(directory, 'r')).size > 3_000_000)
})

t.test('lines are split at those that hold positions, wherever they stand', (t) => {
  const positions = positionsLine(new Map([['p', { offset: 7, path: '/x' }]]))
  const text = (lines: Buffer): unknown[] => [...splitAtPositions(lines)].map((each) => ('positions' in each ? Object.fromEntries(each.positions) : each.toString()))
  const p = { p: { offset: 7, path: '/x' } }
  t.same(text(Buffer.concat([positions, Buffer.from('a\nb\n'), positions, positions, Buffer.from('c\n')])), [p, 'a\nb\n', p, p, 'c\n'])
  t.same(text(Buffer.from(' {"flume":"positions",\n')), [' {"flume":"positions",\n'])
  t.same(text(Buffer.from('a\n{"flume":"positions",\n{"flume":"positions","x":1}\n')), ['a\n', '{"flume":"positions",\n', '{"flume":"positions","x":1}\n'])
  t.end()
})
