/** One process at a time, by the kernel's lock: kill -9 leaves nothing to clean. The pid in the file is for messages. */
import type { Disk, DiskFile } from '../disk/disk.js'
import { FlumeError } from '../errors.js'
import type { Surroundings } from './surroundings.js'

/** ms between two tries, and the number of tries, while somebody may hold it for a moment only. */
const AGAIN = 50
const TRIES = 5
const TRIES_MOMENT = 1200

export class Lock {
  private constructor(readonly file: DiskFile) {}

  /** Throws BUSY naming the pid of the holder; `what` says what it holds. Waits for one who holds it for a moment. */
  static async take(path: string, what: string, around: Surroundings): Promise<Lock> {
    return (await Lock.#held(path, what, around)).#signed(String(around.pid))
  }

  /** The same for a short piece of work: others wait for it. */
  static async takeMoment(path: string, what: string, around: Surroundings): Promise<Lock> {
    return (await Lock.#held(path, what, around)).#signed(`0 ${around.pid}`)
  }

  static async #held(path: string, what: string, around: Surroundings): Promise<Lock> {
    const file = await around.disk.open(path, 'any')
    for (let tries = 1; !file.tryLock(); tries++) {
      const holder = await readHolder(file)
      if (tries >= (holder.moment ? TRIES_MOMENT : TRIES)) {
        await file.close()
        throw new FlumeError('BUSY', `cannot use ${what}: process ${holder.pid ?? '(unknown)'} holds it`)
      }
      await around.clock.sleep(AGAIN)
    }
    return new Lock(file)
  }

  /** For a short piece of work where nobody else holds it; undefined: somebody does. */
  static async tryMoment(path: string, around: Surroundings): Promise<Lock | undefined> {
    const file = await around.disk.open(path, 'any')
    if (file.tryLock()) return new Lock(file).#signed(`0 ${around.pid}`)
    await file.close()
    return undefined
  }

  async release(): Promise<void> {
    await this.file.truncate(0).catch(() => undefined) // as above; it is let go all the same
    await this.file.close()
  }

  async #signed(text: string): Promise<this> {
    try {
      await this.file.truncate(0)
      await this.file.write([Buffer.from(`${text}\n`)], 0)
    } catch {
      // a full disk: the lock holds all the same, only its message would be poorer
    }
    return this
  }
}

/** Who holds, or held last, the lock; no pid where nobody says so. */
async function readHolder(file: DiskFile): Promise<{ pid: number | undefined; moment: boolean }> {
  const bytes = Buffer.alloc(64)
  const text = bytes.toString('latin1', 0, await file.read(bytes, 0))
  const match = /^(0 )?(\d+)\n/.exec(text)
  return { pid: match === null ? undefined : Number(match[2]), moment: match?.[1] !== undefined }
}

/** Who holds a lock, as far as its file and /proc tell. */
export async function runningHolder(path: string, disk: Disk): Promise<{ pid?: number }> {
  if ((await disk.stat(path)) === undefined) return {}
  const file = await disk.open(path, 'read')
  try {
    const { pid } = await readHolder(file)
    return pid === undefined || (await disk.stat(`/proc/${pid}`)) === undefined ? {} : { pid }
  } finally {
    await file.close()
  }
}
