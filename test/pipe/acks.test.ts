/** Which of the marks sent an ack gives back to the source. */
import t from 'tap'
import type { Mark } from '../../src/events/batch.js'
import { Acks } from '../../src/pipe/acks.js'

t.test('an ack gives back the last mark of each partition, and all that say what is gone, each as it was sent', (t) => {
  const acks = new Acks()
  const markOf = (partition: string, offset: number, gone?: string): Mark => {
    const mark = { partition, from: null, to: { offset }, time: 0, replayable: true, ...(gone === undefined ? {} : { gone: [gone] }) }
    acks.send(mark)
    return mark
  }
  const sent = [markOf('a', 1), markOf('a', 2, 'x'), markOf('b', 1), markOf('a', 3), markOf('b', 2), markOf('a', 4, 'y'), markOf('a', 5)]
  const given = acks.ack(6)
  t.same(given, [sent[1], sent[4], sent[5]])
  t.ok(given.every((mark) => sent.includes(mark)), 'whoever has counted a mark knows it by that')
  t.same(acks.ack(7), [sent[6]])
  t.ok(acks.complete)
  t.end()
})

t.test('of marks that are not acked for long half go, also where those of several partitions come in turn, and none that says what is gone', (t) => {
  const acks = new Acks()
  const partitions = ['a', 'b', 'c']
  const sent: Mark[] = []
  for (let offset = 1; offset <= 100_000; offset++) {
    const gone = offset === 5 && { gone: ['x'] }
    const mark = { partition: partitions[offset % 3]!, from: null, to: { offset }, time: 0, replayable: true, ...gone }
    sent.push(mark)
    acks.send(mark)
  }
  const given = sent.map((_, number) => acks.ack(number + 1)).filter((marks) => marks.length > 0)
  t.ok(given.length <= 8192, `${given.length} kept`)
  t.same(given[0], [sent[4]])
  t.same(given.slice(-3), sent.slice(-3).map((mark) => [mark]))
  t.end()
})
