/** In place of src/disk/proc.ts: who has a pipe open, in the kernel in miniature. */
import type { Holder, Pipe } from '../../../src/disk/proc.js'
import { running } from './kernel.js'

export function readersOf(pipe: Pipe, self: number): Holder[] {
  const open = running.processes.flatMap(({ ends }) => [...ends]).filter((end) => end.side === 'read' && BigInt(end.pipe.inode) === pipe.inode)
  const others = open.filter(({ process }) => process.pid !== self)
  return others.map(({ process: { pid, program } }) => ({ pid, fd: 0, program, reading: !/^(sh|flume-.*)$/.test(program) }))
}

export function stillHolds(holder: Holder, pipe: Pipe): boolean {
  return readersOf(pipe, -1).some(({ pid }) => pid === holder.pid)
}

/** There is one root. */
export function sees(): boolean {
  return true
}

/** There is one pid namespace. */
export function mayBeOutside(): boolean {
  return false
}

export function hiddenInGroup(): boolean {
  return false
}
