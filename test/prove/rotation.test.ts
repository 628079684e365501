/** Every kind of rotation, in small: `npm run prove:rotation` has longer sequences of steps, and other file systems. */
import * as fs from 'node:fs'
import t from 'tap'
import * as between from './rotation/between.js'
import { ALL_KINDS, cases, faultOf, nameOf } from './rotation/cases.js'

t.setTimeout(400_000)

/** Of the sequences of up to two steps each so manieth, other ones for each kind. */
const SAMPLE = 7

const shm = fs.existsSync('/dev/shm') ? '/dev/shm' : '/var/tmp'

t.test('each kind of rotation, whatever comes before and after: what can be read arrives once and in order, and what is gone is a gap event', async (t) => {
  const kinds = new Set<string>()
  const faults: string[] = []
  let index = 0
  for (const one of cases(2)) {
    if (index++ % SAMPLE > 0) continue
    kinds.add(one.kind)
    const places = [shm, '/var/tmp'].map((path) => fs.mkdtempSync(`${path}/flume-rotation-`))
    const fault = await faultOf(one, places[0]!, places[1]!)
    if (fault !== undefined) faults.push(`${nameOf(one)}: ${fault}`)
    for (const place of places) fs.rmSync(place, { recursive: true })
  }
  t.strictSame(faults, [])
  t.strictSame([...kinds].sort(), [...ALL_KINDS].sort())
})

/** Of the moments in which a step falls. */
const MOMENTS = 13

t.test('whatever step of a rotation falls between whatever calls of a look: each line arrives once, and nothing is said to be lost', async (t) => {
  const faults: string[] = []
  let index = 0
  for (const one of between.betweenCalls(20)) {
    if (index++ % MOMENTS > 0) continue
    const places = [shm, '/var/tmp'].map((path) => fs.mkdtempSync(`${path}/flume-rotation-`))
    const fault = await between.faultOf(one, places[0]!, places[1]!)
    if (fault !== undefined) faults.push(`${between.nameOf(one)}: ${fault}`)
    for (const place of places) fs.rmSync(place, { recursive: true })
  }
  t.strictSame(faults, [])
})
