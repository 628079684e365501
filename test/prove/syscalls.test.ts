/** Faults at system calls of the real commands, in small: one of each kind, at calls that matter. All of them: `npm run prove:syscalls`. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { explore, nameOf, statesOf, type State } from './syscalls/faults.js'
import { compiled } from './syscalls/line.js'

t.setTimeout(300_000)

/** Stage, call, path, and what it meets there: the first such call. */
const FEW: readonly (readonly [stage: number, name: string, path: RegExp, what: string])[] = [
  [1, 'fdatasync', /\.seg$/, 'EIO'],
  [1, 'pwrite', /\.seg$/, 'short'],
  [2, 'link', /out/, 'kill'],
  [2, 'open', /\.tmp$/, 'EMFILE'],
]

t.test('a kill, an error or a short write at a system call of a stage: typed again, each line is there exactly once', async (t) => {
  const made = join(import.meta.dirname, '../../run/prove')
  mkdirSync(made, { recursive: true })
  const library = join(made, `fault-${process.pid}.so`)
  const directory = mkdtempSync(join(tmpdir(), 'flume-syscalls-'))
  t.teardown(() => [library, directory].forEach((path) => rmSync(path, { recursive: true, force: true })))
  if (!(await compiled(library))) {
    t.comment('skipped: there is no cc to compile the library that makes calls fail')
    return
  }
  const all = await statesOf(library, directory, ['queue'])
  const few = FEW.flatMap(([stage, name, path, what]): State[] => {
    const one = all.find(({ call, ...state }) => state.stage === stage && call.name === name && path.test(call.path) && state.what === what)
    return one === undefined ? [] : [one]
  })
  t.equal(few.length, FEW.length, 'there are such calls')
  const { met, found } = await explore(library, directory, few)
  t.same(found.map(({ state, fault }) => `${nameOf(state)}: ${fault}`), [])
  t.ok(met > 0, `${met} of them were met`)
})
