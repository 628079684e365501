/** One process at a time, by the kernel's lock: kill -9 leaves nothing to clean. The pid in the file is for messages. */
import type { Disk, DiskFile, FileStat } from '../disk/disk.js'
import { openThere, openUnlessReadOnly } from '../disk/gone.js'
import { errnoOf, FlumeError } from '../errors.js'
import type { Surroundings } from './surroundings.js'

/** ms between two tries, and their number: where it is held for long, for a moment, or by one who has not yet said which, as a slow disk may take a while. */
const AGAIN = 50
const TRIES = 5
const TRIES_MOMENT = 1200
const TRIES_UNSAID = 100

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
      if (tries >= triesFor(holder)) {
        await file.close()
        throw new FlumeError('BUSY', `cannot use ${what}: process ${holder.pid ?? '(unknown)'} holds it`)
      }
      await around.clock.sleep(AGAIN)
    }
    return new Lock(file)
  }

  /** For a short piece of work where nobody else holds it; undefined: somebody does, or nothing can be written there. */
  static async tryMoment(path: string, around: Surroundings): Promise<Lock | undefined> {
    const file = await openUnlessReadOnly(around.disk, path)
    if (file === undefined) return undefined
    if (file.tryLock()) return new Lock(file).#signed(`0 ${around.pid}`)
    await file.close()
    return undefined
  }

  async release(): Promise<void> {
    await this.file.truncate(0).catch(() => undefined) // as in #signed(); it is let go all the same
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

/** Who holds, or held last, a lock; no pid where nobody says so. */
interface Holder {
  readonly pid: number | undefined
  readonly moment: boolean
}

function triesFor({ pid, moment }: Holder): number {
  if (pid === undefined) return TRIES_UNSAID
  return moment ? TRIES_MOMENT : TRIES
}

async function readHolder(file: DiskFile): Promise<Holder> {
  const bytes = Buffer.alloc(64)
  const text = bytes.toString('latin1', 0, await file.read(bytes, 0))
  const match = /^(0 )?(\d+)\n/.exec(text)
  return { pid: match === null ? undefined : Number(match[2]), moment: match?.[1] !== undefined }
}

/** Who holds a lock, as far as its file and /proc tell: another process may have got the pid of one that was killed. */
export async function runningHolder(path: string, disk: Disk): Promise<{ pid?: number }> {
  const file = await openThere(disk, path, 'read')
  if (file === undefined) return {}
  let holder: Holder
  let stat: FileStat
  try {
    holder = await readHolder(file)
    stat = await file.stat()
  } finally {
    await file.close() // before the look: this process may be the one
  }
  const { pid } = holder
  return pid !== undefined && (await hasOpen(disk, pid, stat)) ? { pid } : {}
}

/** True too where it is another user's process: only its own user sees what it has open. */
async function hasOpen(disk: Disk, pid: number, { device, inode }: FileStat): Promise<boolean> {
  const directory = `/proc/${pid}/fd`
  try {
    for (const fd of await disk.list(directory)) {
      const open = await disk.stat(`${directory}/${fd}`)
      if (open?.inode === inode && open.device === device) return true
    }
    return false
  } catch (error) {
    return errnoOf(error) === 'EACCES'
  }
}
