/**
 * The few file operations we use, as an interface: node.ts is the real one, test/support/memory-disk.ts one that
 * loses what was not synced. Errors are those of the system call (`code` is the errno name), not wrapped. Paths are those of
 * path.ts.
 */

/** Bytes: what is written past the page cache has a multiple of them as its size, its place in the file and its address. */
export const PAGE_SIZE = 4096

export interface FileStat {
  readonly kind: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'character' | 'other'
  readonly size: number
  readonly device: bigint
  readonly inode: bigint
  /** ms since the epoch */
  readonly modified: number
  /** ns since the epoch; 0 where the file system does not say */
  readonly born: bigint
  readonly links: number
  /** Its inode changed after its bytes did: it was renamed or linked, or its mode or time set. */
  readonly touched: boolean
}

/** What a reader needs of a file; one that is compressed is read like any. */
export interface ReadableFile {
  /** Reads up to `into.length` bytes from byte `at`; the number read, 0 at the end. */
  read(into: Uint8Array, at: number): Promise<number>
  stat(): Promise<FileStat>
  close(): Promise<void>
}

export interface DiskFile extends ReadableFile {
  /**
   * Writes all pieces one after the other from byte `at`; returns the bytes written, always all of them. `direct`: past the page cache, where
   * the file system can and it is one piece of many whole pages in memory of allocatePages(); for what nobody reads soon.
   */
  write(pieces: readonly Uint8Array[], at: number, direct?: boolean): Promise<number>
  /** fdatasync(2): the bytes, and the size, are on disk. After a failure the file must not be written again. */
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  /** The kernel's exclusive lock of this open file, gone with the process; false when somebody else has it. */
  tryLock(): boolean
}

/**
 * `read`: must exist. `update`: read and write, must exist. `create`: read and write, must not exist. `any`: read and write,
 * made if missing. `append`: as `any`, but every write goes to the end, wherever that is by then.
 */
export type OpenMode = 'read' | 'update' | 'create' | 'any' | 'append'

export interface DirectoryEntry {
  readonly name: string
  /** `other`: not known before stat(). */
  readonly kind: 'file' | 'directory' | 'symlink' | 'other'
}

export interface Disk {
  open(path: string, mode: OpenMode, permissions?: number): Promise<DiskFile>
  /** Names in a directory, in no order. */
  list(directory: string): Promise<string[]>
  /** What stands in a directory, in no order, a part of it at a time. */
  entries(directory: string): AsyncIterable<DirectoryEntry>
  /** Sizes in bytes of what stands in a directory, by name: one call for ten thousand files. */
  sizes(directory: string): Promise<Map<string, number>>
  /** Follows symlinks; undefined where nothing is there. */
  stat(path: string): Promise<FileStat | undefined>
  /** stat(), at once: a tenth of the time, in which nobody else has a turn. */
  statNow(path: string): FileStat | undefined
  /** Does not follow the last symlink; undefined where nothing is there. */
  lstat(path: string): Promise<FileStat | undefined>
  rename(from: string, to: string): Promise<void>
  /** link(2): fails with EEXIST where rename(2) would overwrite. */
  link(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  /** unlink(), at once: right behind statNow() nobody in this process, and hardly anybody else, comes in between. */
  unlinkNow(path: string): void
  /** From now on the file was last written then: ms since the epoch. */
  touch(path: string, modified: number): Promise<void>
  /** The file gets the mode, the times and, where this process may give files away, the owner of the other one. */
  resemble(path: string, other: string): Promise<void>
  /** Makes the directory and its missing parents; fine when it is there. Returns the topmost directory made, if any. */
  makeDirectory(path: string, permissions?: number): Promise<string | undefined>
  /** fsync(2) of a directory: the entries made, renamed and removed in it are on disk. */
  syncDirectory(path: string): Promise<void>
  /** Bytes that an unprivileged user may still write, and bytes in all, on the file system of `path`. */
  space(path: string): Promise<{ readonly free: number; readonly total: number }>
  /** Absolute path without symlinks. */
  realPath(path: string): Promise<string>
  /** What a symlink says, wherever that leads. */
  readLink(path: string): Promise<string>
}
