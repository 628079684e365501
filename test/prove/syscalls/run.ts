/**
 * npm run prove:syscalls -- [--one-in N] [--only TEXT]
 *
 * The pipeline of the real commands under faults: SIGKILL before, and errors or a short write at, each system call of each
 * stage that touches the queue, the state, the target, the pipe or the socket. `--one-in`: a sample, every Nth fault. `--only`: those whose name has TEXT in it.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { explore, nameOf, statesOf } from './faults.js'
import { compiled } from './line.js'

const { values } = parseArgs({ options: { 'one-in': { type: 'string', default: '1' }, only: { type: 'string', default: '' } } })
const made = join(import.meta.dirname, '../../../run/prove')
mkdirSync(made, { recursive: true })
const library = join(made, 'fault.so')
const directory = mkdtempSync(join(tmpdir(), 'flume-syscalls-'))
const began = Date.now()
try {
  if (!(await compiled(library))) throw new Error('there is no cc: apt-get install gcc libc6-dev')
  const all = (await statesOf(library, directory)).filter((state) => nameOf(state).includes(values.only))
  const states = all.filter((_, index) => index % Number(values['one-in']) === 0)
  const { met, found } = await explore(library, directory, states)
  for (const { state, fault } of found) console.log(`${nameOf(state)}\n${fault}\n`)
  const calls = new Set(all.map(({ pipeline, stage, at }) => `${pipeline} ${stage} ${at}`)).size
  console.log(`${calls} calls, ${all.length} faults, ${states.length} of them tried, ${met} met, ${found.length} wrong, ${((Date.now() - began) / 1000).toFixed(0)} s`)
  process.exitCode = met > 0 && found.length === 0 ? 0 : 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
