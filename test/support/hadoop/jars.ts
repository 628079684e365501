/**
 * Hadoop's jars: Maven fetches them once into a cache outside the repository, which all tests on this machine share.
 * A set of jars is made under another name and moved to its place whole; who comes meanwhile waits for it.
 */
import { createHash, randomUUID } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, whereIs } from './process.js'

const POM = fileURLToPath(new URL('pom.xml', import.meta.url))

/** Less than the time that tap gives to a test file. */
const FETCH_MS_MAX = 240_000

/** A reason to be without Hadoop, for people. */
export interface Missing {
  readonly missing: string
}

export function hadoopJars(): Promise<{ readonly jars: string } | Missing> {
  return jarsOf(POM, 'Hadoop 3.4.1')
}

/**
 * The jars that `pom` asks for; `what` are they, for people. `jars`: a directory that holds all of them and nothing else.
 * Throws only for what is wrong with the cache itself.
 */
export async function jarsOf(path: string, what: string): Promise<{ readonly jars: string } | Missing> {
  // without these two nothing can be started
  for (const program of ['setpriv', 'java']) if (whereIs(program) === undefined) return { missing: `no ${program} on the PATH` }
  const pom = readFileSync(path)
  const jars = join(cacheDirectory(), `jars-${createHash('sha256').update(pom).digest('hex').slice(0, 12)}`)
  if (existsSync(jars)) return { jars }
  if (whereIs('mvn') === undefined) return { missing: 'no mvn on the PATH' }
  return alone(async () => {
    if (existsSync(jars)) return { jars }
    const failure = await fetchInto(jars, path, what)
    return failure === undefined ? { jars } : { missing: failure }
  })
}

/** $FLUME_TEST_CACHE, else a directory among the caches of this user. */
export function cacheDirectory(): string {
  const { FLUME_TEST_CACHE, XDG_CACHE_HOME } = process.env
  const directory = FLUME_TEST_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'flume-test', 'hadoop-3.4.1')
  mkdirSync(directory, { recursive: true })
  return directory
}

/** Does `work` while no other process does it with this cache. */
export async function alone<T>(work: () => Promise<T>): Promise<T> {
  const { waitForLock } = createRequire(import.meta.url)('fs-native-extensions') as { waitForLock(fd: number): Promise<void> }
  const file = await open(join(cacheDirectory(), 'lock'), 'a')
  try {
    await waitForLock(file.fd)
    return await work()
  } finally {
    await file.close()
  }
}

/** Why it did not work, if so. */
async function fetchInto(jars: string, pom: string, what: string): Promise<string | undefined> {
  process.stderr.write(`# fetching the jars of ${what} with mvn, once\n`)
  const unfinished = `${jars}.${randomUUID()}`
  mkdirSync(unfinished)
  try {
    copyFileSync(pom, join(unfinished, 'pom.xml'))
    const command = ['mvn', '-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=jars']
    const { status, stdout, stderr } = await run(command, unfinished, { limit: FETCH_MS_MAX, env: process.env })
    if (status !== 0) return `mvn could not fetch ${what} (${status ?? `not done after ${FETCH_MS_MAX / 1000} s`}): ${firstError(stdout + stderr)}`
    renameSync(join(unfinished, 'jars'), jars)
    return undefined
  } finally {
    rmSync(unfinished, { recursive: true })
  }
}

function firstError(output: string): string {
  const line = output.split('\n').find((text) => text.includes('[ERROR]')) ?? output.trim()
  return line.replace(/.*\[ERROR\] */, '').slice(0, 500)
}
