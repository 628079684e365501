/** The socket that both ends of one pipe find by its inode, flume-pipe(7): without a flag and without a timer. */
import * as net from 'node:net'
import { dirname } from 'node:path'
import type { FdStat } from '../disk/fd.js'
import { oldSockets, ownerOfSocket, placeSocket, prepareDirectory, removeSocket, socketPaths } from '../disk/sockets.js'
import { FlumeError, errnoOf } from '../errors.js'
import type { PipeStep } from './step.js'

/** The writer's side: a listening socket at the pipe's name. */
export class Meeting {
  #server: net.Server
  #path: string

  /** `replaced`: a killed writer's socket was there, so whatever is in the pipe is void. */
  private constructor(
    server: net.Server,
    path: string,
    readonly replaced: boolean,
  ) {
    this.#server = server
    this.#path = path
  }

  /** Throws BUSY where another writer has the pipe, PERMISSION where the directory is not to be trusted, or the system's error. */
  static async bind(pipe: FdStat, who: Who, onReader: (socket: net.Socket) => void): Promise<Meeting> {
    const path = socketPaths(pipe)[0]!
    prepareDirectory(dirname(path), pipe.uid, who.uid, who.now)
    for (const old of oldSockets(dirname(path), who.now)) if ((await probe(old)) === 'dead' && old !== path) removeSocket(old)
    const there = await probe(path)
    if (there === 'live') throw busy()
    const server = net.createServer(onReader)
    const temporary = `${dirname(path)}/.${who.pid}-${pipe.inode}`
    removeSocket(temporary)
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(temporary, resolve))
    who.step('bound')
    const owner = who.uid === 0 && pipe.uid !== 0 ? pipe.uid : undefined
    if (!placeSocket(temporary, path, owner, there === 'dead')) {
      server.close()
      throw busy()
    }
    who.step('placed')
    return new Meeting(server, path, there === 'dead')
  }

  /** False when somebody removed it (logind at a logout): bind again. */
  get inPlace(): boolean {
    return ownerOfSocket(this.#path) !== undefined
  }

  /** No more readers. `leave`: the name stays, so that a late reader knows that what it finds in the pipe is void. */
  close(how: 'remove' | 'leave'): void {
    if (how === 'remove') removeSocket(this.#path)
    this.#server.close()
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

/** `dead`: a socket whose owner is gone. */
async function probe(path: string): Promise<'live' | 'dead' | 'none'> {
  if (ownerOfSocket(path) === undefined) return 'none'
  const answer = await connect(path)
  if (answer instanceof net.Socket) {
    answer.destroy()
    return 'live'
  }
  return errnoOf(answer) === 'ECONNREFUSED' ? 'dead' : 'none'
}

function connect(path: string): Promise<net.Socket | Error> {
  return new Promise((resolve) => {
    const socket = net.connect(path)
    socket.once('error', resolve)
    socket.once('connect', () => {
      socket.off('error', resolve)
      resolve(socket)
    })
  })
}

/**
 * The reader's look: the writer's socket, `void` where a killed writer left one (it is removed), else undefined.
 * Throws PERMISSION where the writer belongs to another user.
 */
export async function seekWriter(pipe: FdStat, uid: number): Promise<net.Socket | 'void' | undefined> {
  for (const path of socketPaths(pipe)) {
    const owner = ownerOf(path, pipe, uid)
    if (owner === undefined) continue
    const answer = await connect(path)
    if (answer instanceof net.Socket) return answer
    if (errnoOf(answer) === 'EACCES') throw foreign(owner, uid, answer)
    if (errnoOf(answer) === 'ECONNREFUSED') {
      removeSocket(path)
      return 'void'
    }
  }
  return undefined
}

/** Is there a socket to look at? Costs two lstat(2). */
export function writerMayBe(pipe: FdStat, uid: number): boolean {
  return socketPaths(pipe).some((path) => ownerOf(path, pipe, uid) !== undefined)
}

function ownerOf(path: string, pipe: FdStat, uid: number): number | undefined {
  try {
    return ownerOfSocket(path)
  } catch (cause) {
    if (errnoOf(cause) === 'EACCES') throw foreign(pipe.uid, uid, cause)
    throw cause
  }
}

function foreign(owner: number, uid: number, cause: unknown): FlumeError {
  return new FlumeError('PERMISSION', `cannot talk to the writer of this pipe: it belongs to uid ${owner}, this is uid ${uid}`, { cause })
}
