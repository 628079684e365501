/** However the two ends of a pipe meet, run and die, no event is lost or there twice; and the campaign that shows it finds deliberate bugs. */
import { mkdirSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { bundle, fits, saidBy } from './bundle.js'
import type { Explored } from './pipe/campaign.js'
import { RULES, enumerate } from './pipe/model.js'
import { MUTANTS } from './pipe/mutants.js'
import { PROGRAM } from './pipe/program.js'

const SCHEDULES = 1000
/** Schedules in which this deliberate bug is found; `npm run prove:pipe -- --mutants` finds them all. */
const FEW = 1000
const EASY = 'begin tells of no void bytes'

const directory = join(import.meta.dirname, '../../run/prove')
mkdirSync(directory, { recursive: true })
const file = join(directory, `pipe-${process.pid}.mjs`)
t.teardown(() => rmSync(file))

t.setTimeout(120_000)

t.test('in every schedule of writers, readers and their deaths each event is stored once and in order, and all of them end', async (t) => {
  await bundle(PROGRAM, file)
  const workers = cpus().length
  const all = await Promise.all(Array.from({ length: workers }, (_, index) => saidBy<Explored>(file, [1 + index, workers, Math.ceil(SCHEDULES / workers)])))
  for (const { found } of all) t.equal(found?.fault, undefined, `seed ${found?.seed}: node run/prove/pipe.mjs 1 1 1 trace '${JSON.stringify(found?.choices)}'`)
  t.ok(all.reduce((sum, { distinct }) => sum + distinct, 0) >= SCHEDULES, 'no two of them are the same')
})

t.test('a deliberate bug is found', async (t) => {
  await bundle(PROGRAM, file, MUTANTS.find(({ name }) => name === EASY))
  const { found } = await saidBy<Explored>(file, [1, 1, FEW])
  t.match(found?.fault, /./, EASY)
})

t.test('each deliberate bug fits the source', async (t) => {
  t.ok(MUTANTS.length >= 20)
  for (const { name, edits } of MUTANTS) for (const edit of edits) t.ok(fits(edit), `${name}: ${edit.file}`)
})

t.test('in every state of the model of handshake and acks no void event is taken, and the end can be reached', async (t) => {
  t.equal(enumerate(1).fault, undefined)
  for (const rule of RULES) t.match(enumerate(1, rule).fault, /./, `without the rule: ${rule}`)
})
