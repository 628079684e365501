/** What is told by the texts of /proc, as the kernel writes them. */
import t from 'tap'
import { readsFrom } from '../../src/disk/proc.js'

t.test('a process reads from a descriptor that its call names; one that runs by now, or reads another one, does not; one that may not be seen may', (t) => {
  const call = (fd: number): string => `0 0x${fd.toString(16)} 0x7ffd81a8b4e0 0x80 0x0 0x0 0x0 0x7ffd81a8b488 0x7f20c6d0a25d\n`
  t.equal(readsFrom(call(0), '0'), true)
  t.equal(readsFrom(call(10), '10'), true)
  t.equal(readsFrom(call(3), '0'), false)
  t.equal(readsFrom('running\n', '0'), false)
  t.equal(readsFrom('-1 0x7ffd81a8b488 0x7f20c6d0a25d\n', '0'), false)
  t.equal(readsFrom('', '0'), true)
  t.end()
})
