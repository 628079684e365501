import t from 'tap'
import { nearest } from '../../src/cli/nearest.js'

t.test('nearest() forgives a few slips, and does not guess wildly', async (t) => {
  const names = ['from', 'once', 'size-max', 'event-bytes-max', 'headers', 'header', 'roll-bytes', 'roll-interval']
  t.equal(nearest('form', names), 'from')
  t.equal(nearest('frm', names), 'from')
  t.equal(nearest('sizemax', names), 'size-max')
  t.equal(nearest('event-byte-max', names), 'event-bytes-max')
  t.equal(nearest('heade', names), 'header')
  t.equal(nearest('roll-int', names), 'roll-interval', 'a beginning is enough')
  t.equal(nearest('zzz', names), undefined)
  t.equal(nearest('colour', names), undefined)
  t.equal(nearest('x', []), undefined)
})
