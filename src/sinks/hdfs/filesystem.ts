/**
 * What the sink asks of a file system, so little that HDFS can give it: files are written once and whole, and a name is
 * given once. Errors are those of the file system; retry.ts decides which of them may pass.
 */
import type { DiskFile } from '../../disk/disk.js'

/** A whole file under its temporary name, durable. */
export interface Finished {
  readonly path: string
  readonly size: number
  /** What the file is, whatever its name: device and inode, or HDFS's fileId. */
  readonly id: string
  /** Likewise, the directory that it was made in; undefined: not known, or nobody can ask for it. */
  readonly parent?: string | undefined
}

/** A file being written, under its temporary name or, until it is whole, elsewhere. */
export interface Draft {
  readonly path: string
  /** Writes from byte `at`; nobody has to wait for the disk. `isLast`: nothing comes after them but finish(). */
  write(pieces: readonly Uint8Array[], at: number, isLast?: boolean): Promise<void>
  /** Brings towards the disk what is written, so that finish() is short. After a failure the draft is lost. */
  sync(): Promise<void>
  /** On return `size` bytes are durable under a temporary name; nothing may be written any more. */
  finish(size: number): Promise<Finished>
  /** Gives up: closes, and removes the file where that is possible. */
  discard(): Promise<void>
  /** Closes, and leaves for the next start what was to be left. */
  leave(): Promise<void>
  /** The file has its final name: nothing is to be left any more. */
  committed(): Promise<void>
}

/**
 * Where a file system notes the temporary names of uploads: one that failed may turn into a file long afterwards. They stay
 * noted until the file has its final name, or is seen gone when nothing can come any more.
 */
export interface Temporaries {
  /** On return it is known, after any crash, that there may be a file of this name. */
  attempt(path: string): Promise<void>
  /** It is not what was wanted, now or later. */
  failed(path: string): Promise<void>
  /** There is none, and there will be none. */
  gone(path: string): Promise<void>
}

/** What a process that was killed had written of a draft. */
export interface Left {
  readonly file: DiskFile
  /** After it is closed. */
  remove(): Promise<void>
}

/** What stands in a directory. */
export interface Entry {
  readonly name: string
  /** Bytes of a file. */
  readonly size: number
  /** A symbolic link is none. */
  readonly directory: boolean
}

export interface FileSystem {
  /** What its directories begin with: '', or a URI without a path. */
  readonly root: string
  /** This machine has no room for files on their way: all are to be finished before more comes. */
  readonly isFull: boolean
  /** Makes the directory and its missing parents; they are durable on return. */
  makeDirectory(directory: string): Promise<void>
  /** Names in a directory, all durable, in no order; none where there is no directory. */
  names(directory: string): AsyncIterable<string>
  /** What stands in a directory, in no order, whatever comes and goes meanwhile; none where there is no directory. Changes nothing. */
  entries(directory: string): AsyncIterable<Entry>
  /** Undefined: there is no such file. */
  look(path: string): Promise<Finished | undefined>
  /** A new file; fails where the name is taken. `isLeft`: when the process dies, what is written is left for the next start. */
  create(path: string, temporaries?: Temporaries, isLeft?: boolean): Promise<Draft>
  /** Undefined: nothing is left of the draft with this path. */
  left(path: string): Promise<Left | undefined>
  /**
   * Gives the file its final name in place of the temporary one, durably; never overwrites. Fine when it has that name
   * already, whoever gave it. Throws OTHER_HISTORY when another file has the name. `isAgain`: another process may have asked
   * for it, and what became of that nobody knows.
   */
  publish(file: Finished, path: string, isAgain?: boolean): Promise<void>
  /** False: publish() has failed, and this file has not got its name, nor will it. */
  isInDoubt(file: Finished): boolean
  /**
   * Of a file that has neither of its names, and may have got the final one. True: it lives on under another, so it has had
   * it, and somebody has moved it since. False: that cannot be told.
   */
  isTaken(file: Finished): Promise<boolean>
  /** Durably. Fine where there is no such file. */
  remove(path: string): Promise<void>
  close(): Promise<void>
}
