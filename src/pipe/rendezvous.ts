/** The socket that both ends of one pipe find by its inode, flume-pipe(7): without a flag and without a timer. */
import * as net from 'node:net'
import { dirname } from 'node:path'
import type { FdStat } from '../disk/fd.js'
import { claimOf, isDirectoryOf, placeSocket, prepareDirectory, removeSocket, socketAt, socketPaths, sweep, type Socket } from '../disk/sockets.js'
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

  /** Throws BUSY where another writer has the pipe, PERMISSION where the directory is not to be trusted, or the system's error. */
  static async bind(pipe: FdStat, who: Who, onReader: (socket: net.Socket) => void): Promise<Meeting> {
    const [path, other] = socketPaths(pipe) as [string, string]
    prepareDirectory(dirname(path), pipe.uid, who.uid)
    for (const old of sweep(dirname(path), who.now)) if (old !== path) await removeDead(old)
    const dead = await probe(path)
    const elsewhere = isDirectoryOf(dirname(other), pipe.uid) ? await probe(other) : undefined
    if (dead === 'live' || elsewhere === 'live') throw busy()
    if (dead !== undefined) await removeDead(claimOf(path))
    const server = net.createServer(onReader)
    const temporary = `${dirname(path)}/.${who.pid}-${pipe.inode}`
    removeSocket(temporary)
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(temporary, resolve))
    who.step('bound')
    const owner = who.uid === 0 && pipe.uid !== 0 ? pipe.uid : undefined
    const socket = placeSocket(temporary, path, owner, dead)
    if (socket === undefined) {
      server.close()
      throw busy()
    }
    if (elsewhere !== undefined) removeSocket(other, elsewhere)
    who.step('placed')
    return new Meeting(server, path, socket, dead !== undefined || elsewhere !== undefined)
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

/** The socket that is there, if its owner is gone; undefined: there is none. One that cannot be asked counts as live. */
async function probe(path: string): Promise<'live' | Socket | undefined> {
  const there = socketAt(path)
  if (there === undefined) return undefined
  const answer = await connect(path)
  if (answer instanceof net.Socket) answer.destroy()
  else if (errnoOf(answer) === 'ECONNREFUSED') return there
  else if (errnoOf(answer) === 'ENOENT') return undefined
  return 'live'
}

async function removeDead(path: string): Promise<void> {
  const found = await probe(path)
  if (found !== undefined && found !== 'live') removeSocket(path, found)
}

/** Where a listener ends before it has accepted, its name is asked again: by then it may be dead, gone, or another's. */
function connect(path: string): Promise<net.Socket | Error> {
  return new Promise((resolve) => {
    const socket = net.connect(path)
    socket.once('error', (error) => resolve(errnoOf(error) === 'ECONNRESET' ? connect(path) : error))
    socket.once('connect', () => {
      socket.off('error', resolve)
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
 * user, IO where it cannot be told whether there is one.
 */
export async function seekWriter(pipe: FdStat, uid: number): Promise<net.Socket | Remains | undefined> {
  for (const path of socketPaths(pipe)) {
    const there = lookFor(path, pipe, uid)
    if (there === undefined) continue
    const answer = await connect(path)
    if (answer instanceof net.Socket) return answer
    if (errnoOf(answer) === 'EACCES') throw foreign(there.uid, uid, answer)
    if (errnoOf(answer) === 'ECONNREFUSED') return new Remains(path, there)
    if (errnoOf(answer) !== 'ENOENT') throw new FlumeError('IO', 'cannot connect to the writer of this pipe', { cause: answer })
  }
  return undefined
}

/** Is there a socket to look at? Costs two lstat(2). */
export function writerMayBe(pipe: FdStat, uid: number): boolean {
  return socketPaths(pipe).some((path) => lookFor(path, pipe, uid) !== undefined)
}

function lookFor(path: string, pipe: FdStat, uid: number): Socket | undefined {
  try {
    return socketAt(path)
  } catch (cause) {
    if (errnoOf(cause) === 'EACCES') throw foreign(pipe.uid, uid, cause)
    throw cause
  }
}

function foreign(owner: number, uid: number, cause: unknown): FlumeError {
  return new FlumeError('PERMISSION', `cannot talk to the writer of this pipe: it belongs to uid ${owner}, this is uid ${uid}`, { cause })
}
