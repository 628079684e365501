/** The whole pipeline in every kind of trouble, in small: `npm run prove:soak` goes on for ten minutes, and sees whether memory grows. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { bundle } from './bundle.js'

const directory = join(import.meta.dirname, '../../run/prove')
mkdirSync(directory, { recursive: true })
const file = join(directory, `soak-${process.pid}.mjs`)
t.teardown(() => rmSync(file))

t.setTimeout(400_000)

t.test('stages killed and stopped, logs rotated, disk and target there and gone: of each line lost 0, twice 0, out of order 0', async (t) => {
  await bundle({ entry: join(import.meta.dirname, 'soak/run.ts') }, file)
  const { status, stdout } = spawnSync(process.execPath, [file, '--minutes', '0.06', '--kills', '3', '--seed', '1'], { encoding: 'utf8' })
  t.equal(status, 0, stdout)
  for (const name of ['whole', 'apart', 'calm']) t.match(stdout, new RegExp(`^${name}: [1-9]\\d* lines, lost 0, twice 0, out of order 0, strange 0$`, 'm'))
})
