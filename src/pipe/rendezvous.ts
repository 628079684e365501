/** The socket that both ends of one pipe find by its inode, flume-pipe(7): without a flag and without a timer. */
import * as net from 'node:net'
import { dirname } from 'node:path'
import type { FdStat } from '../disk/fd.js'
import { addressesOf, claimOf, isDirectoryOf, placeSocket, prepareDirectory, removeSocket, socketAt, sweep } from '../disk/sockets.js'
import type { Address, Socket } from '../disk/sockets.js'
import { FlumeError, errnoOf } from '../errors.js'
import type { PipeStep } from './step.js'

/** The writer's side: a listening socket at the pipe's name. */
export class Meeting {
  /** `replaced`: a killed writer's socket was there, so whatever is in the pipe is void. */
  private constructor(
    readonly server: net.Server,
    readonly path: string,
    readonly socket: Socket,
    readonly replaced: boolean,
  ) {}

  /**
   * Throws BUSY where another writer has the pipe, PERMISSION where that of another user may have it, UNAVAILABLE where the directory
   * is not to be trusted, or the system's error.
   */
  static async bind(pipe: FdStat, who: Who, onReader: (socket: net.Socket) => void): Promise<Meeting> {
    const [{ path, uid }, ...others] = addressesOf(pipe, who.uid)
    prepareDirectory(dirname(path), uid, who.uid)
    await removeDead(claimOf(path)) // first: it may be a second name of what is at the path, which has another ctime then
    const dead = await deadAt(path, who.uid)
    const elsewhere = await allDead(others, who.uid)
    for (const old of sweep(dirname(path), who.now)) if (old !== path) await removeDead(old)
    const server = net.createServer(onReader)
    const temporary = `${dirname(path)}/.${who.pid}-${pipe.inode}`
    removeSocket(temporary)
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(temporary, resolve))
    server.on('error', () => undefined) // one that cannot be accepted looks again
    try {
      who.step('bound')
      const socket = placeSocket(temporary, path, uid === who.uid ? undefined : uid, dead)
      if (socket === undefined) throw busy()
      for (const [other, there] of elsewhere) removeSocket(other, there)
      who.step('placed')
      return new Meeting(server, path, socket, dead !== undefined || elsewhere.length > 0)
    } catch (error) {
      server.close() // it would keep the process alive
      throw error
    }
  }

  /** False when somebody removed it (logind at a logout): bind again. */
  get inPlace(): boolean {
    return socketAt(this.path)?.id === this.socket.id
  }

  /** No more readers. `leave`: the name stays, so that a late reader knows that what it finds in the pipe is void. */
  close(how: 'remove' | 'leave'): void {
    if (how === 'remove') removeSocket(this.path, this.socket)
    this.server.close()
  }
}

/** Who binds. `uid` is the effective one; now in ms. */
export interface Who {
  readonly pid: number
  readonly uid: number
  readonly now: number
  step(name: PipeStep): void
}

function busy(): FlumeError {
  return new FlumeError('BUSY', 'cannot write to this pipe: it has a flume writer already')
}

/** The socket of a killed writer. Throws BUSY where one listens, PERMISSION where another user's may, or why that cannot be told. */
async function deadAt(path: string, uid: number): Promise<Socket | undefined> {
  const there = socketAt(path)
  if (there === undefined) return undefined
  const refusal = await refusalAt(path)
  const errno = errnoOf(refusal)
  if (refusal === undefined || errno === 'EAGAIN') throw busy() // more wait to be accepted than it has room for
  if (errno === 'EACCES') throw foreign(there.uid, uid, refusal)
  if (errno !== 'ECONNREFUSED' && errno !== 'ENOENT') throw refusal
  return errno === 'ECONNREFUSED' ? there : undefined
}

/** Where its user can be trusted to have put it there, and it may be looked at: /run/user/<uid> is that user's alone. Throws as deadAt does. */
async function allDead(addresses: readonly Address[], self: number): Promise<(readonly [string, Socket])[]> {
  const found: (readonly [string, Socket])[] = []
  for (const { path, uid } of addresses) {
    try {
      const dead = isDirectoryOf(dirname(path), uid) ? await deadAt(path, self) : undefined
      if (dead) found.push([path, dead])
    } catch (error) {
      if (errnoOf(error) !== 'EACCES') throw error
    }
  }
  return found
}

async function removeDead(path: string): Promise<void> {
  const there = socketAt(path)
  if (there !== undefined && errnoOf(await refusalAt(path)) === 'ECONNREFUSED') removeSocket(path, there)
}

/** Why nobody can be connected to; undefined: somebody listens. */
async function refusalAt(path: string): Promise<Error | undefined> {
  const answer = await connect(path)
  if (!(answer instanceof net.Socket)) return answer
  answer.destroy()
  return undefined
}

/** Where a listener ends before it has accepted, its name is asked again: by then it may be dead, gone, or another's. */
function connect(path: string): Promise<net.Socket | Error> {
  return new Promise((resolve) => {
    const socket = net.connect(path)
    const failed = (error: Error): void => resolve(errnoOf(error) === 'ECONNRESET' ? connect(path) : error)
    socket.once('error', failed)
    socket.once('connect', () => {
      socket.off('error', failed)
      resolve(socket)
    })
  })
}

/**
 * What a killed writer left: what is in the pipe is void. It stays until the pipe is empty, so that the next reader knows
 * of it where this one is killed, too.
 */
export class Remains {
  constructor(
    readonly path: string,
    readonly socket: Socket,
  ) {}

  /** A writer may have put its own in place of it since: that stays. */
  remove(): void {
    removeSocket(this.path, this.socket)
  }
}

/**
 * The reader's look: a connection to the writer, or what a killed one left. Throws PERMISSION where the writer belongs to another
 * user, or may once something `came`; IO where it cannot be told whether there is one.
 */
export async function seekWriter(pipe: FdStat, uid: number, came: boolean): Promise<net.Socket | Remains | undefined> {
  for (const address of addressesOf(pipe, uid)) {
    const { path } = address
    const there = lookFor(address, uid, came)
    if (there === undefined) continue
    const answer = await connect(path)
    if (answer instanceof net.Socket) return answer
    if (errnoOf(answer) === 'EACCES') throw foreign(there.uid, uid, answer)
    if (errnoOf(answer) === 'ECONNREFUSED') return new Remains(path, there)
    if (errnoOf(answer) !== 'ENOENT') throw new FlumeError('IO', 'cannot connect to the writer of this pipe', { cause: answer })
  }
  return undefined
}

/** Is there a socket to look at? Costs two lstat(2), and four where the pipe is another user's. */
export function writerMayBe(pipe: FdStat, uid: number, came: boolean): boolean {
  return addressesOf(pipe, uid).some((address) => lookFor(address, uid, came) !== undefined)
}

/** What somebody else has put there is none: the directory, too, may be another's. Before anything came one of our own user may yet bind. */
function lookFor({ path, uid }: Address, self: number, came: boolean): Socket | undefined {
  try {
    const there = socketAt(path)
    return there?.uid === uid ? there : undefined
  } catch (cause) {
    if (errnoOf(cause) !== 'EACCES') throw cause
    if (!came && uid !== self) return undefined
    throw foreign(uid, self, cause)
  }
}

function foreign(owner: number, uid: number, cause: unknown): FlumeError {
  return new FlumeError('PERMISSION', `cannot talk to the writer of this pipe: it belongs to uid ${owner}, this is uid ${uid}`, { cause })
}
