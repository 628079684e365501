/** A file or pipe by its path, to append to or to read, as a descriptor that nobody else has. */
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { FlumeError, errnoOf } from '../errors.js'

/**
 * Made where it is missing; undefined: a FIFO without a reader. /dev/fd/N is opened anew and N closed, so that it really
 * ends with us. Throws CANNOT_CREATE.
 */
export function openOutput(path: string): number | undefined {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = fs.constants
  try {
    const fd = fs.openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o666)
    closeInherited(path)
    return fd
  } catch (cause) {
    if (errnoOf(cause) === 'ENXIO') return undefined
    throw new FlumeError('CANNOT_CREATE', `cannot open ${path} for writing`, { cause })
  }
}

/**
 * Does not wait for a writer of a FIFO, which would hold one of the few threads that all file operations of a process have:
 * whoever waits until there is something to read waits for that too. /dev/fd/N as above. Throws NO_INPUT.
 */
export async function openInput(path: string): Promise<number> {
  const { O_RDONLY, O_NONBLOCK } = fs.constants
  try {
    const isFifo = (await promisify(fs.stat)(path)).isFIFO()
    const fd = await promisify(fs.open)(path, isFifo ? O_RDONLY | O_NONBLOCK : O_RDONLY)
    closeInherited(path)
    return fd
  } catch (cause) {
    throw new FlumeError('NO_INPUT', `cannot open ${path}`, { cause })
  }
}

function closeInherited(path: string): void {
  const [, inherited] = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(path) ?? []
  if (inherited !== undefined && Number(inherited) > 2) fs.closeSync(Number(inherited))
}
