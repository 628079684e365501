/**
 * npm run prove:rotation -- [--steps N] [--calls N] [--sample N] [--workers N] [--on DIRECTORY]...
 *
 * Each kind of rotation × every sequence of up to N (4) steps × patterns × short and long lines, on each file system at hand, or those of the directories.
 * Then each in the middle of a look, its steps between any of N (20) calls of the file system. `--sample N`: each N-th of them, in an order that is always the same. `--workers N`: processes at once, else as many as there are cores. The source runs
 * in these, and looks when it is told to; with real processes and the real logrotate(8) it is test/pipelines/rotation.test.ts.
 */
import { existsSync, statfsSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, saidBy } from '../bundle.js'
import { directory } from '../launch.js'
import type { Looked } from './main.js'

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '4' },
    calls: { type: 'string', default: '20' },
    sample: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(cpus().length) },
    on: { type: 'string', multiple: true, default: ['/dev/shm', tmpdir(), '/var/tmp', process.cwd()] },
  },
})
const steps = Number(values.steps)
const calls = Number(values.calls)
const sample = Number(values.sample)
const workers = Number(values.workers)

/** statfs(2). */
const NAMES: Readonly<Record<number, string>> = { 0x01021994: 'tmpfs', 0xef53: 'ext4', 0x794c7630: 'overlay', 0x58465342: 'xfs', 0x9123683e: 'btrfs', 0x6969: 'nfs', 0x2fc12fc1: 'zfs' }

/** One directory of each kind of file system. */
const places = new Map(values.on.filter((path) => existsSync(path)).map((path) => [statfsSync(path).type, path] as const).reverse())

const file = join(directory, 'rotation.mjs')
await bundle({ entry: join(import.meta.dirname, 'main.ts') }, file)

let faults = 0
for (const [type, path] of [...places].reverse()) {
  const elsewhere = [...places.values()].find((other) => other !== path) ?? path
  const began = Date.now()
  const all = await Promise.all(Array.from({ length: workers }, (_, worker) => saidBy<Looked>(file, [path, elsewhere, steps, calls, worker * sample, workers * sample])))
  const cases = all.reduce((sum, looked) => sum + looked.cases, 0)
  console.log(`${NAMES[type] ?? `file system ${type.toString(16)}`}, ${path}: up to ${steps} steps, ${calls} calls, ${cases} cases, ${((Date.now() - began) / 1000).toFixed(0)} s`)
  for (const { name, fault } of all.flatMap((looked) => looked.faults)) console.log(`${name}\n  ${fault}`)
  faults += all.reduce((sum, looked) => sum + looked.faults.length, 0)
}
process.exitCode = faults === 0 ? 0 : 1
