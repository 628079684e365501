/** The harness where there is no Hadoop, or no network, and when a test dies: nothing here needs Java. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { whereIs } from '../../support/hadoop/process.js'
import '../../support/real-processes.js'

const SUPPORT = fileURLToPath(new URL('../../support/hadoop/', import.meta.url))
const LOADER = import.meta.resolve('@tapjs/typescript/import')

let scripts = 0

const A_RULE = `
import t from 'tap'
import { hadoopRules } from '${SUPPORT}rules.js'
const rule = await hadoopRules(t, async () => 'a cluster')
rule('that holds', async (t) => t.pass())
`

const JARS = `
import { hadoopJars } from '${SUPPORT}jars.js'
process.stdout.write(JSON.stringify(await hadoopJars()))
`

t.test('without Java a rule is skipped by name, and says why', async (t) => {
  const { status, out, err } = await runScript(t, A_RULE, { PATH: '' })
  t.match(out, /^ok 1 - that holds.* # SKIP no real HDFS: no setpriv on the PATH$/m)
  t.match(err, '# skipped, no real HDFS (no setpriv on the PATH): that holds')
  t.equal(status, 0)
})

t.test('without Java a rule fails where CI=true', async (t) => {
  const { status, out } = await runScript(t, A_RULE, { PATH: '', CI: 'true' })
  t.match(out, /^not ok 1 - that holds/m)
  t.match(out, 'needs a real HDFS: no setpriv on the PATH')
  t.equal(status, 1)
})

t.test('without mvn the reason is that', async (t) => {
  const around = surroundings(t, { mvn: undefined })
  t.same(JSON.parse((await runScript(t, JARS, around)).out), { missing: 'no mvn on the PATH' })
})

t.test('where mvn fails its first error is the reason, and nothing is left of the attempt', async (t) => {
  const around = surroundings(t, { mvn: "mkdir jars; touch jars/a.jar; echo '[INFO] x'; echo '[ERROR] Could not transfer: no route'; echo '[ERROR] help'; exit 1" })
  const { out, err } = await runScript(t, JARS, around)
  t.same(JSON.parse(out), { missing: 'mvn could not fetch Hadoop 3.4.1 (1): Could not transfer: no route' })
  t.match(err, '# fetching the jars of Hadoop 3.4.1')
  t.same(readdirSync(around.FLUME_TEST_CACHE), ['lock'])
})

t.test('processes that start at the same time fetch the jars once', async (t) => {
  const around = surroundings(t, { mvn: 'echo $$ >>"$FLUME_TEST_CACHE/../calls"; mkdir jars; echo jar >jars/a.jar' })
  const all = await Promise.all([1, 2].map(() => runScript(t, JARS, around)))
  const found = all.map(({ out }) => JSON.parse(out) as { jars: string })
  t.equal(new Set(found.map(({ jars }) => jars)).size, 1)
  t.same(readdirSync(found[0]!.jars), ['a.jar'])
  t.match(readFileSync(join(around.FLUME_TEST_CACHE, '../calls'), 'utf8'), /^\d+\n$/)
})

t.test('a daemon ends with the process that started it, also after kill -9', async (t) => {
  const child = script(t, `
    import { spawnBound } from '${SUPPORT}process.js'
    const daemon = spawnBound(['sleep', '1000'], '/', 'ignore')
    daemon.on('spawn', () => process.stdout.write(String(daemon.pid)))
  `, { PATH: process.env.PATH })
  const [pid] = (await once(child.stdout!, 'data')) as [Buffer]
  t.ok(isAlive(pid.toString()))
  child.kill('SIGKILL')
  await once(child, 'close')
  while (isAlive(pid.toString())) await sleep(10)
})

/** A zombie is dead. */
function isAlive(pid: string): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** An empty cache, and a PATH that has what `mvn` needs, and as mvn a shell script; undefined: none. */
function surroundings(t: Test, { mvn }: { readonly mvn: string | undefined }): { PATH: string; FLUME_TEST_CACHE: string } {
  const directory = t.testdir({ bin: {}, cache: {} })
  const bin = join(directory, 'bin')
  symlinkSync('/bin/true', join(bin, 'java'))
  for (const name of ['setpriv', 'mkdir', 'touch']) symlinkSync(whereIs(name)!, join(bin, name))
  if (mvn !== undefined) {
    writeFileSync(join(bin, 'mvn'), `#!/bin/sh\n${mvn}\n`)
    chmodSync(join(bin, 'mvn'), 0o755)
  }
  return { PATH: bin, FLUME_TEST_CACHE: join(directory, 'cache') }
}

function script(t: Test, text: string, env: NodeJS.ProcessEnv): ChildProcess {
  // beside the fixtures, where the packages of the project are found
  const folder = `${t.testdirName}.scripts`
  mkdirSync(folder, { recursive: true })
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, `${scripts++}.mjs`)
  writeFileSync(path, text)
  // or the loader checks all types first, as the linter does
  return spawn(process.execPath, [`--import=${LOADER}`, path], { env: { ...env, TS_NODE_TRANSPILE_ONLY: 'true' }, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function runScript(t: Test, text: string, env: NodeJS.ProcessEnv): Promise<{ status: number | null; out: string; err: string }> {
  const child = script(t, text, env)
  let out = ''
  let err = ''
  child.stdout!.on('data', (chunk: Buffer) => (out += chunk.toString()))
  child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()))
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, out, err }
}
