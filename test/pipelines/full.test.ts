/** A queue, a target, a state directory without room, with real processes on a real small disk: nothing is lost, nothing stands twice, and it goes on. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { shell } from '../support/shell.js'
import { onSmallDisk, whyNoSmallDisk } from '../support/small-disk.js'

const COUNT = 40_000
/** About 8 MB of events. */
const LOG = Array.from({ length: COUNT }, (_, n) => `line ${n} ${'x'.repeat(100)}\n`).join('')
const skip = whyNoSmallDisk(t)
const ALL = 'cat out/*.log | LC_ALL=C sort | cmp - sorted && echo the same'

function directoryOf(test: Test): string {
  const directory = test.testdir({ log: LOG })
  writeFileSync(join(directory, 'sorted'), LOG.split(/(?<=\n)/).sort().join(''))
  return directory
}

t.test('a queue that is full asks for the acks of what it has given out, long before files are finished by themselves', async (t) => {
  const directory = directoryOf(t)
  const one = await shell(`flume-tail --once log | flume-buffer --size-max 1M q | flume-sink-hdfs --path out; echo "\${PIPESTATUS[*]}"; ${ALL}`, directory)
  t.match(one, { out: '0 0 0\nthe same\n', err: /queue \S+ is full: its \d+ bytes reach --size-max 1048576; / })
  const two = await shell(
    `rm -r out; flume-buffer --put q2 </dev/null
    flume-buffer q2 </dev/null | flume-sink-hdfs --path out & taker=$!
    flume-tail --once log | flume-buffer --put --size-max 1M q2; echo "\${PIPESTATUS[*]}"
    kill $taker; wait; flume-buffer --once q2 </dev/null | flume-sink-hdfs --path out; ${ALL}`,
    directory,
  )
  t.equal(two.out, '0 0\nthe same\n', two.err)
})

t.test('a queue on a full disk goes on giving out, gives the room back, and takes the rest', { skip }, async (t) => {
  const line = `flume-tail --once log | flume-buffer small/q | flume-sink-hdfs --path out; echo "\${PIPESTATUS[*]}"; ${ALL}`
  const { out, err } = await onSmallDisk(line, directoryOf(t))
  t.equal(out, '0 0 0\nthe same\n', err)
  t.match(err, /queue \S+ is full: \d+ bytes are free on its disk, --free-min is \d+(, and the next batch has \d+)?; /)
  t.match(err, /queue \S+ has room again: goes on\n/)
})

t.test('a disk without any room: what cannot be written is named, nothing half made stays, and with some room it goes on', { skip }, async (t) => {
  const take = 'flume-buffer --once small/q </dev/null | flume-sink-hdfs --path out; echo "${PIPESTATUS[0]}"'
  const line = `flume-tail --once log | head -n 9 | flume-buffer --free-min 0 --put small/q; cat /dev/zero >small/ballast 2>&-; ${take}
    for what in --compress '--retain 7d'; do flume-buffer $what --stat small/q; echo $?; done
    echo '{}' | flume-buffer --put small/new; echo $?; find small -name '*.tmp'
    rm small/ballast; ${take}; cat out/*.log | wc -l`
  const { out, err } = await onSmallDisk(line, directoryOf(t))
  t.equal(out, '74\n74\n74\n74\n0\n9\n', err)
  for (const name of ['q/cursors/default', 'q/compress', 'q/retain', 'new/queue.json']) {
    t.match(err, new RegExp(`^flume-buffer: cannot write \\S+/small/${name}: no space left on device$`, 'm'))
  }
})

t.test('while no sink takes anything a full disk holds three times as many events with --compress', { skip }, async (t) => {
  const line = `head -c 2500000 /dev/zero >small/ballast
    flume-tail --once log | flume-buffer --put --compress --size-max 3M small/q; echo "\${PIPESTATUS[*]}"; flume-buffer --check small/q | grep -o 'nothing is wrong'
    flume-buffer --once small/q </dev/null | flume-sink-hdfs --path out; ${ALL}`
  const { out, err } = await onSmallDisk(line, directoryOf(t))
  t.equal(out, '0 0\nnothing is wrong\nthe same\n', err)
  t.match(err, /queue \S+ is full: \d+ bytes are free on its disk/)
})

t.test('a sink whose target is full waits, and goes on where there is room', { skip }, async (t) => {
  const line = `mkdir small/out; ln -s small/out out
    flume-tail --once log | flume-buffer q | { flume-sink-hdfs --path small/out 2>&1 >/dev/null; echo "sink $?" >&2; } | { grep -m1 'trying again'; mount -o remount,size=64m small; cat >/dev/null; }
    ${ALL}`
  const { out, err } = await onSmallDisk(line, directoryOf(t))
  t.match(out, /^flume-sink-hdfs: cannot write \S+: ENOSPC: .*; trying again, nothing is lost\nthe same\n$/, err)
  t.match(err, /sink 0\n/)
})

t.test('where state or rejects cannot be written nothing is acked, and the next run sends it again', { skip }, async (t) => {
  const line = `cat /dev/zero >small/ballast 2>/dev/null; { head -c 200000 /dev/zero | tr '\\0' x; echo; echo after; } >long
    tail="flume-tail --once --event-bytes-max 100K --rejects small/rejects --no-headers long"
    $tail | flume-buffer --put q; echo "\${PIPESTATUS[*]}"; rm small/ballast
    $tail | flume-buffer --put q; echo "\${PIPESTATUS[*]}"; flume-buffer --export q; tail -n 1 small/rejects | grep -o 'xxx"}$'`
  const { out, err } = await onSmallDisk(line, directoryOf(t))
  t.equal(out, '74 0\n0 0\n{"body":"after"}\nxxx"}\n', err)
  t.match(err, /flume-tail: cannot write rejects to \S+\/small\/rejects: no space left on device\n/)
})
