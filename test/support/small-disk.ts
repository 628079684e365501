/** Lines on a real file system that is small, and so soon full. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { shell, type Ran } from './shell.js'

/** A mount namespace of its own, where the directory `small` is a file system of 4 MiB. */
const SMALL = "unshare --mount --map-root-user sh -c 'mkdir -p small && mount -t tmpfs -o size=4m tmpfs small && exec bash script'"

/** Why there can be none on this machine; false: there can. */
export function whyNoSmallDisk(t: Test): string | false {
  return spawnSync('sh', ['-c', SMALL], { cwd: t.testdir({ script: '' }) }).status === 0 ? false : 'no user namespaces here'
}

/** Runs a script of bash in `directory`, where `small` is such a file system. */
export function onSmallDisk(script: string, directory: string, env: Record<string, string> = {}): Promise<Ran> {
  writeFileSync(join(directory, 'script'), script)
  return shell(SMALL, directory, env, 120_000)
}
