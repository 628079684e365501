/**
 * The pipe contract between real processes in a real shell: a source of numbered events and a reader that keeps
 * positions (test/support/bin). Not tested here: two users, sockets in /run/user.
 */
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { addressesOf } from '../../src/disk/sockets.js'
import { READER_STEPS, WRITER_STEPS } from '../../src/pipe/step.js'
import { each, shell } from '../support/shell.js'

t.jobs = 1

/** The numbers stored, by name, in the order stored. */
function stored(directory: string): Record<string, number[]> {
  const names: Record<string, number[]> = {}
  for (const batch of fs.readFileSync(join(directory, 'j'), 'utf8').split('\n').filter(Boolean)) {
    const { lines } = JSON.parse(batch) as { lines: string }
    for (const line of lines.split('\n').filter(Boolean)) {
      const [name, number] = (JSON.parse(line) as { body: string }).body.split(' ') as [string, string]
      ;(names[name] ??= []).push(Number(number))
    }
  }
  return names
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

let made = 0

t.test('however a shell joins the two, every event arrives once and in order', async (t) => {
  const base = t.testdir({})
  const lines: Record<string, Record<string, number>> = {
    'flume-count 3000 | flume-store j': { n: 3000 },
    "flume-count 3000 | sh -c 'sleep 1; exec flume-store j'": { n: 3000 },
    "flume-count 50 | sh -c 'sleep 4; exec flume-store j'": { n: 50 },
    "flume-count 3000 | bash -c 'flume-store j'": { n: 3000 },
    "flume-count 3000 | sh -c 'flume-store j; true'": { n: 3000 },
    'flume-count 3000 | timeout 20 flume-store j': { n: 3000 },
    'flume-count 3000 | env -i "$(which node)" "$(which flume-store)" j': { n: 3000 },
    '{ seq -f "{\\"body\\":\\"old %.0f\\"}" 0 199; flume-count 3000; } | flume-store j': { old: 200, n: 3000 },
    '{ flume-count 3000; seq -f "{\\"body\\":\\"new %.0f\\"}" 0 199; } | flume-store j': { n: 3000, new: 200 },
    '{ flume-count 100; seq -f "{\\"body\\":\\"new %.0f\\"}" 0 9; flume-count 200; } | flume-store j': { n: 200, new: 10 },
    'for i in 1 2 3; do flume-count $((i*1000)); done | flume-store j': { n: 3000 },
    'for i in a b c; do flume-count --name $i 500; done | flume-store j': { a: 500, b: 500, c: 500 },
    'flume-count 3000 > >(flume-store j); wait $!': { n: 3000 },
    'flume-store j < <(flume-count 3000)': { n: 3000 },
    'mkfifo f; flume-count 3000 > f & flume-store j < f': { n: 3000 },
    'mkfifo f; flume-store j < f & flume-count 3000 > f; wait': { n: 3000 },
    'flume-count 3000 | flume-store --no-keep j': { n: 3000 },
    'flume-count 200000 --batch 1000 | flume-store j': { n: 200_000 },
    'flume-count 3000 --ack=require | flume-store j': { n: 3000 },
    'flume-count 3000 | cat | flume-store j': { n: 3000 },
    'flume-count 3000 > plain; flume-store j < plain': { n: 3000 },
    'flume-store j </dev/null; flume-count 3 | flume-store j': { n: 3 },
  }
  await each(Object.keys(lines), 3, async (line) => {
    const directory = join(base, String(made++))
    fs.mkdirSync(directory)
    const ran = await shell(line, directory)
    const expected = Object.fromEntries(Object.entries(lines[line]!).map(([name, count]) => [name, upTo(count)]))
    t.strictSame({ status: ran.status, stored: stored(directory) }, { status: 0, stored: expected }, `${line}\n${ran.err}`)
  })
})

t.test('a program that gives no acks is served at once, and nothing is remembered', async (t) => {
  const directory = t.testdir({})
  const lines: Record<string, string> = {
    'flume-count 3 | jq -r .body': 'n 0\nn 1\nn 2\n',
    'flume-count 100000 | head -1': '{"body":"n 0"}\n',
    'flume-count 3 | while read -r l; do echo "$l"; done': '{"body":"n 0"}\n{"body":"n 1"}\n{"body":"n 2"}\n',
    'v=$(flume-count 2); echo "$v"': '{"body":"n 0"}\n{"body":"n 1"}\n',
    'flume-count 2 | tee copy | cat': '{"body":"n 0"}\n{"body":"n 1"}\n',
    'flume-count 0 | cat': '',
  }
  for (const [line, out] of Object.entries(lines)) {
    const ran = await shell(line, directory)
    t.strictSame({ status: ran.status, out: ran.out }, { status: 0, out }, `${line}\n${ran.err}`)
  }
  const said = await shell('flume-count 3 | jq . >/dev/null', directory)
  t.match(said.err, /^flume-count: no acks from the reader \(jq, pid \d+\): nothing is remembered.*\n$/)
  const following = await shell('flume-count 3 --follow | head -1; echo ${PIPESTATUS[0]}', directory)
  t.equal(following.out, '{"body":"n 0"}\n141\n', 'a follower whose reader has gone dies of SIGPIPE though it has nothing to write')
})

t.test('a writer killed at any step leaves nothing twice and nothing missing, in the next run and in the same pipe', async (t) => {
  const base = t.testdir({})
  const cases = WRITER_STEPS.flatMap((step) => ['1', '3'].map((nth) => `${step}:${nth}`))
  await each(cases, 3, async (at) => {
    const next = join(base, `next-${at}`)
    const same = join(base, `same-${at}`)
    fs.mkdirSync(next)
    fs.mkdirSync(same)
    const reader = at.startsWith('early') ? "sh -c 'sleep 1; exec flume-store j'" : 'flume-store j'
    const killed = `FLUME_KILL_AT=flume-count:${at} flume-count 2000`
    const first = await shell(`${killed} | ${reader}; flume-count 2000 | flume-store j`, next)
    t.strictSame(stored(next), { n: upTo(2000) }, `next run after ${at}\n${first.err}`)
    const second = await shell(`{ ${killed}; flume-count 2000; } | ${reader}`, same)
    t.strictSame(stored(same), { n: upTo(2000) }, `same pipe after ${at}\n${second.err}`)
  })
})

t.test('a reader killed at any step leaves nothing twice and nothing missing, in the next run and in the same pipe', async (t) => {
  const base = t.testdir({})
  const cases = READER_STEPS.flatMap((step) => ['1', '3'].map((nth) => `${step}:${nth}`))
  await each(cases, 3, async (at) => {
    const next = join(base, `next-${at}`)
    const same = join(base, `same-${at}`)
    fs.mkdirSync(next)
    fs.mkdirSync(same)
    const killed = `FLUME_KILL_AT=flume-store:${at} flume-store j`
    const first = await shell(`flume-count 2000 | ${killed}; flume-count 2000 | flume-store j`, next)
    t.strictSame(stored(next), { n: upTo(2000) }, `next run after ${at}\n${first.err}`)
    const second = await shell(`flume-count 2000 | { ${killed}; flume-store j; }; flume-count 2000 | flume-store j`, same)
    t.strictSame(stored(same), { n: upTo(2000) }, `same pipe after ${at}\n${second.err}`)
  })
})

t.test('statuses: 74 when the reader went without bye, 75 for a second writer and for bytes that nobody was seen to read', async (t) => {
  const directory = t.testdir({})
  const status = async (line: string): Promise<string> => (await shell(line, directory)).out.trim()
  t.equal(await status('flume-count 2000 --follow | FLUME_KILL_AT=flume-store:ack-sent flume-store j; echo ${PIPESTATUS[*]}'), '74 137')
  t.equal(await status('{ flume-count 3; echo $? > ended; } | sh -c "until [ -s ended ]; do sleep 0.1; done"; cat ended'), '75')
  t.equal(await status('flume-count 3 --ack=require | cat; echo ${PIPESTATUS[0]}'), '75')
  t.equal(await status('flume-count 3 --ack=require > plain; echo $?'), '75')
  const onceStored = 'until [ -s j ]; do sleep 0.05; done'
  t.equal(await status(`rm -f j; { flume-count 9 --follow & ${onceStored}; flume-count 9; echo $? >&2; kill %1; wait; } 2>s | flume-store j; tail -1 s`), '75')
  const signalled = (signal: string, writer: string, reader: string): Promise<string> =>
    status(`rm -f j; (${onceStored}; kill -${signal} $(cat pid)) & ${writer} | ${reader}; echo \${PIPESTATUS[*]}`)
  const noted = (command: string): string => `(echo $BASHPID >pid; exec ${command})`
  t.equal(await signalled('TERM', 'flume-count 9 --follow', noted('flume-store j')), '0 143', 'a bye is no complaint')
  t.equal(await signalled('TERM', noted('flume-count 9 --follow'), 'flume-store j'), '143 0')
  t.equal(await signalled('INT', noted('flume-count 9 --follow'), 'flume-store j'), '130 0')
})

const notRoot = process.getuid?.() === 0 ? false : 'only root may try this'

t.test('a reader that was killed is not waited for because a process of another user is in the group', { skip: notRoot }, async (t) => {
  const directory = t.testdir({})
  fs.chownSync(directory, 65534, 65534)
  const line = 'flume-count 9 --follow | FLUME_KILL_AT=flume-store:batch-read flume-store j; echo ${PIPESTATUS[*]}'
  const ran = await shell('setpriv --reuid 65534 --regid 65534 --clear-groups bash -c "$LINE"; true', directory, { LINE: line })
  t.equal(ran.out, '74 137\n', ran.err)
})

t.test('a writer whose socket is removed while it waits binds again, and who looked for it meanwhile is called', async (t) => {
  const base = t.testdir({ require: { log: 'n 0\nn 1\n' }, orphan: { log: 'n 0\nn 1\n' }, unmet: {} })
  const pipe = { kind: 'pipe', device: 0n, inode: 0n, birth: 0n, uid: process.getuid!(), anonymous: true } as const
  const socket = `${dirname(addressesOf(pipe, pipe.uid)[0].path)}/*-$(readlink /proc/self/fd/0 | tr -dc 0-9).sock`
  const removed = `until rm ${socket}; do sleep 0.05; done 2>rm`
  const noted = (name: string, command: string): string => `(echo $BASHPID >${name}; exec ${command})`
  const hasStored = (text: string): string => `until grep -q '${text}' j; do sleep 0.05; done`
  const hasLooked = "until grep -q '^tfd: *0 ' /proc/$(cat reader)/fdinfo/*; do sleep 0.05; done 2>looks"
  const late = `{ ${hasLooked}; kill -CONT $(cat writer); ${hasStored('n 2')}; kill $(cat writer); } & ${noted('reader', 'flume-store j')}`
  const lines: Record<string, string> = {
    require: `${noted('writer', 'flume-tail --ack=require log')} | { until ls ${socket}; do sleep 0.05; done >ls 2>&1; kill -STOP $(cat writer); ${removed}; echo n 2 >>log; ${late}; }`,
    orphan:
      `${noted('writer', 'flume-tail log')} | { { ${hasStored('n 1')}; kill -KILL $(cat reader); } & ${noted('reader', 'flume-store j')}; ` +
      `kill -STOP $(cat writer); ${removed}; echo n 2 >>log; ${late}; }`,
    unmet: `flume-count 3 | { ${removed}; until ls ${socket}; do sleep 0.05; done >ls 2>&1; flume-store j; }`,
  }
  await each(Object.keys(lines), 3, async (name) => {
    const ran = await shell(lines[name]!, join(base, name), {}, 20_000)
    t.strictSame({ status: ran.status, stored: stored(join(base, name)) }, { status: 0, stored: { n: upTo(3) } }, `${name}\n${ran.err}`)
  })
})

t.test('a reader whose writer is disturbed again and again ends with 74', async (t) => {
  const directory = t.testdir({ log: 'a line\n'.repeat(5000) })
  fs.appendFileSync(join(directory, 'log'), `${'x'.repeat(3000)}\n${'a line\n'.repeat(5000)}`)
  const noisy = 'flume-tail --once --rate 8K --no-headers --event-bytes-max 1K log 2> >(cat)'
  const ran = await shell(`${noisy} | flume-store j; echo \${PIPESTATUS[*]}`, directory)
  t.equal(ran.out, '74 74\n', ran.err)
  t.match(ran.err, /^(flume-store: bytes do not add up after mark \d+: somebody else writes to the pipe of flume-tail, pid \d+\n[^]*){5}flume-store: cannot read/m)
})

t.test('a reader that is slow to ack is waited for, at most --grace', async (t) => {
  const directory = t.testdir({})
  const slow = await shell('flume-count 300 | flume-store --slow 100ms j; echo ${PIPESTATUS[*]}', directory)
  t.equal(slow.out, '0 0\n')
  t.strictSame(stored(directory), { n: upTo(300) })
  const late = await shell('rm j; flume-count 300 --grace 50ms | flume-store --slow 400ms j; echo ${PIPESTATUS[0]}', directory)
  t.equal(late.out, '74\n')
  t.match(late.err, /has not acked within 0.05 s: (1 batch is|[2-9] batches are) not acked, the next run sends (it|them) again/)
})

t.test('a line longer than an event may be goes aside in pieces, and its neighbours arrive', async (t) => {
  const directory = t.testdir({})
  const long = `{ echo '{"body":"n 0"}'; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo '{"body":"n 1"}'; } | flume-store --event-bytes-max 1M j`
  const ran = await shell(long, directory)
  t.strictSame(stored(directory), { n: [0, 1] }, ran.err)
  const pieces = [...ran.err.matchAll(/too long: (\d+) (true|false)/g)]
  t.equal(pieces.reduce((sum, [, size]) => sum + Number(size), 0), 3_000_000)
  t.equal(pieces.at(-1)?.[2], 'true')
})
