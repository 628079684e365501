/** Programs of Debian packages, unpacked into the cache of the tests: nothing is installed, no service is started. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { alone, cacheDirectory, type Missing } from '../../support/hadoop/jars.js'
import { run, whereIs } from '../../support/hadoop/process.js'

/** ms for all packages of one program. */
const FETCH_MS_MAX = 120_000

/** The root of a tree with the newest `name` that apt knows, and what it needs that this machine has not. */
export async function unpacked(name: string): Promise<{ readonly root: string } | Missing> {
  for (const program of ['apt-get', 'dpkg-deb']) if (whereIs(program) === undefined) return { missing: `no ${program} on the PATH` }
  const simulated = await run(['apt-get', 'install', '-s', '--no-install-recommends', name], '/')
  const packages = [...simulated.stdout.matchAll(/^Inst (\S+) \((\S+)/gm)].map(([, each = '', version = '']) => `${each}=${version}`)
  const own = packages.find((each) => each.startsWith(`${name}=`))
  if (own === undefined) return { missing: simulated.status === 0 ? `${name} is installed on this machine itself` : `apt-get knows no ${name}` }
  const root = join(cacheDirectory(), own.replaceAll('/', '-'))
  return alone(async () => {
    if (existsSync(root)) return { root }
    process.stderr.write(`# fetching ${packages.join(' ')} with apt-get, once\n`)
    const unfinished = `${root}.${process.pid}`
    mkdirSync(unfinished)
    try {
      const fetched = await run(['apt-get', 'download', ...packages], unfinished, { limit: FETCH_MS_MAX, env: process.env })
      if (fetched.status !== 0) return { missing: `apt-get could not download ${name}: ${fetched.stderr.trim().split('\n').pop() ?? ''}` }
      for (const file of readdirSync(unfinished).filter((each) => each.endsWith('.deb'))) await run(['dpkg-deb', '-x', file, 'root'], unfinished)
      renameSync(join(unfinished, 'root'), root)
      return { root }
    } finally {
      rmSync(unfinished, { recursive: true })
    }
  })
}
