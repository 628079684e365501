/** A machine with systemd within this one, for tests of units: real services, users and restarts, and nothing of this machine is touched. */
import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { childOf, inside, whyNoNamespaces } from './namespaces.js'
import { until } from './running.js'
import type { Ran } from './shell.js'
import { ROOT } from './source.js'

/** Why there can be none here; false: there can. */
export function whyNoSystemd(): string | false {
  if (!existsSync('/usr/lib/systemd/systemd')) return 'there is no systemd here'
  if (!/ cgroup2 rw/.test(readFileSync('/proc/mounts', 'utf8'))) return 'there is no cgroup2 here'
  return whyNoNamespaces()
}

export class Booted {
  private constructor(
    /** Its process 1, as seen from here. */
    readonly pid: number,
    /** Its /var/lib. */
    readonly lib: string,
  ) {}

  static async boot(t: Test): Promise<Booted> {
    const place = t.testdir()
    for (const name of ['lib', 'own']) mkdirSync(join(place, name))
    chmodSync(join(place, 'lib'), 0o755)
    let said = ''
    const script = spawn(join(ROOT, 'test/support/boot-systemd'), [place, ROOT, realpathSync(process.execPath)], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [script.stdout, script.stderr]) stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
    const ended = new Promise((resolve) => script.on('close', resolve))
    let pid: number | undefined
    t.teardown(async () => {
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
      await ended
    })
    await until(async () => {
      pid = systemdOf(script)
      return pid !== undefined && (await inside(pid, 'systemctl is-active --quiet test.target')).status === 0
    }, () => said)
    return new Booted(pid!, join(place, 'lib'))
  }

  /** What its units have said on stderr, where they are told to say it in /var/lib/said. */
  get said(): string {
    const path = join(this.lib, 'said')
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  /** A line of bash there, as root. */
  run(line: string): Promise<Ran> {
    return inside(this.pid, line)
  }

  /** Properties of a unit as systemctl shows them. */
  async show(unit: string, ...properties: string[]): Promise<string> {
    return (await this.run(`systemctl show --property=${properties.join()} --value ${unit}`)).out.trim().replaceAll('\n', ' ')
  }
}

/** The child of unshare, which is the child of the script. */
function systemdOf(script: ChildProcess): number | undefined {
  const pid = childOf(childOf(script.pid!) ?? 0)
  return pid !== undefined && readFileSync(`/proc/${pid}/comm`, 'utf8') === 'systemd\n' ? pid : undefined
}
