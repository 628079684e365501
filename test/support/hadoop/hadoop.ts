/** Hadoop as the tests use it: jars, and class archives beside them. */
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layOut } from './cluster.js'
import { alone, hadoopJars, type Missing } from './jars.js'
import type { Hadoop } from './java.js'
import { run } from './process.js'

let found: Promise<Hadoop | Missing> | undefined

/** Looked for once in a process; the first time on a machine takes up to two minutes. */
export function hadoop(): Promise<Hadoop | Missing> {
  return (found ??= find())
}

async function find(): Promise<Hadoop | Missing> {
  const found = await hadoopJars()
  if ('missing' in found) return found
  const { jars } = found
  const java = await run(['java', '--version'], jars)
  if (java.status !== 0) return { missing: 'java is older than 9' }
  const archives = `${jars}.${createHash('sha256').update(java.stdout).digest('hex').slice(0, 12)}.archives`
  if (!existsSync(archives)) await alone(() => archive({ jars, archives }))
  return { jars, archives }
}

/** Class archives are what the classes of a first run leave, for later ones of the same JVM. */
async function archive({ jars, archives }: Hadoop): Promise<void> {
  if (existsSync(archives)) return
  process.stderr.write('# writing class archives of Hadoop, once\n')
  const unfinished = `${archives}.${randomUUID()}`
  mkdirSync(unfinished)
  const cluster = await layOut({ jars, archives: unfinished, archiving: true }, mkdtempSync(join(tmpdir(), 'flume-test-')), {})
  try {
    await cluster.start()
    await cluster.fsShell('-ls', '/')
    await cluster.stop()
    renameSync(unfinished, archives)
  } finally {
    await cluster.destroy()
    rmSync(unfinished, { recursive: true, force: true })
  }
}
