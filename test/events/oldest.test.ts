/** What a bounded memory lets go of. */
import t from 'tap'
import { Oldest } from '../../src/events/oldest.js'

t.test('what came first goes first, and what came again is as new as that, whatever else was deleted meanwhile', (t) => {
  const set = new Set<number>()
  const oldest = new Oldest(set)
  oldest.remove()
  for (let n = 0; n < 5; n++) set.add(n)
  set.delete(0)
  set.add(0)
  set.delete(2)
  oldest.remove()
  t.same([...set], [3, 4, 0])
  for (let n = 0; n < 4; n++) oldest.remove()
  t.equal(set.size, 0)
  set.add(7)
  set.add(8)
  oldest.remove()
  t.same([...set], [8])
  t.end()
})

t.test('all that goes is asked for once', (t) => {
  let asked = 0
  const set = new Set<number>(Array.from({ length: 1000 }, (_, n) => n))
  const keys = (): Iterator<number, unknown> => (asked++, set.keys())
  const oldest = new Oldest({ keys, delete: (key) => set.delete(key), size: 1000 })
  for (let n = 0; n < 1000; n++) {
    oldest.remove()
    set.add(1000 + n)
  }
  t.equal(asked, 1)
  t.equal(set.size, 1000)
  for (let n = 0; n <= 1000; n++) oldest.added()
  oldest.remove()
  t.equal(asked, 2, 'what nothing goes from is not held on to')
  t.end()
})
