/**
 * Where file systems are mounted. What was on one that is not mounted now, as at a start that comes before the mounts do, was not
 * removed. The number of a file system does not tell that: it may have another one after a restart, also that of the root, and its
 * own may be given to another. So it is known by the directory where it is mounted, whose number differs from that of the directory above.
 */
import { dirname } from 'node:path'
import type { Disk } from '../disk/disk.js'
import { shownPath } from '../disk/path.js'

export class Mounts {
  /** Of directories, as of this look: the number of their file system, if they are there. */
  readonly #devices = new Map<string, bigint | 'hidden' | undefined>()
  /** Where none is mounted any more, which was said. */
  readonly #said = new Set<string>()

  constructor(
    readonly disk: Pick<Disk, 'statNow'>,
    readonly say: (message: string) => void,
  ) {}

  /** Each directory is looked at anew. */
  look(): void {
    this.#devices.clear()
  }

  /** The directory where the file system of this file is mounted; `/`: that of the root. */
  of(path: string): string {
    let mount = dirname(path)
    while (mount !== '/' && !this.#differs(mount)) mount = dirname(mount)
    return mount
  }

  /** None is mounted there now, where one was: that is said once, until there is one again. */
  isMissing(mount: string): boolean {
    const device = this.#device(mount)
    const missing = mount !== '/' && device !== 'hidden' && (device === undefined || device === this.#device(dirname(mount)))
    if (!missing) this.#said.delete(mount)
    else if (!this.#said.has(mount)) {
      this.#said.add(mount)
      this.say(`waiting for ${shownPath(mount)}: the file system that was there is not mounted`)
    }
    return missing
  }

  /** From the directory above it, as far as both are there. */
  #differs(directory: string): boolean {
    const [device, above] = [this.#device(directory), this.#device(dirname(directory))]
    return typeof device === 'bigint' && typeof above === 'bigint' && device !== above
  }

  #device(directory: string): bigint | 'hidden' | undefined {
    if (!this.#devices.has(directory)) this.#devices.set(directory, this.#look(directory))
    return this.#devices.get(directory)
  }

  #look(directory: string): bigint | 'hidden' | undefined {
    try {
      return this.disk.statNow(directory)?.device
    } catch {
      return 'hidden'
    }
  }
}
