/** What a NameNode says of files and directories, read from its JSON. All throw where it says something else. */

export interface Status {
  /** '': the file itself that was asked for. */
  readonly name: string
  readonly size: number
  readonly directory: boolean
  /** Undefined: this is no NameNode, but a gateway that has no such numbers. */
  readonly fileId: number | undefined
  readonly blockSize: number
  /** Its blocks are striped over DataNodes, by a policy of erasure coding. */
  readonly striped: boolean
}

/** Of GETFILESTATUS. */
export function statusIn(answer: unknown): Status {
  return statusOf(fieldsOf(answer, 'FileStatus'))
}

export interface Page {
  readonly statuses: readonly Status[]
  readonly isLast: boolean
}

/** Of LISTSTATUS_BATCH; after this name, or the first where it is ''. */
export function pageIn(answer: unknown, startAfter: string): Page {
  const { partialListing, remainingEntries } = fieldsOf(answer, 'DirectoryListing')
  const statuses = fieldsOf(partialListing, 'FileStatuses')['FileStatus']
  if (!Array.isArray(statuses)) throw unexpected('FileStatus', partialListing)
  const page = { statuses: statuses.map(statusOf), isLast: remainingEntries === 0 || statuses.length === 0 }
  if (!page.isLast && page.statuses.at(-1)?.name === startAfter) throw unexpected('progress', partialListing)
  return page
}

/** Of DELETE: whether there was something of that name, which is the same to us. */
export function removedIn(answer: unknown): void {
  if (typeof (answer as Fields | null)?.['boolean'] !== 'boolean') throw unexpected('boolean', answer)
}

/** Of RENAME: with options a NameNode says nothing where it has done it, and a gateway says `true`. */
export function renamedIn(answer: unknown): void {
  if (answer !== undefined && (answer as Fields | null)?.['boolean'] !== true) throw unexpected('success', answer)
}

/** The object in this field. */
export function fieldsOf(answer: unknown, field: string): Fields {
  const fields = (answer as Fields | null)?.[field]
  if (typeof fields !== 'object' || fields === null) throw unexpected(field, answer)
  return fields as Fields
}

/** The text in this field. */
export function textIn(answer: unknown, field: string): string {
  const text = (answer as Fields | null)?.[field]
  if (typeof text !== 'string') throw unexpected(field, answer)
  return text
}

type Fields = Readonly<Record<string, unknown>>

function statusOf(status: Fields | null): Status {
  const { pathSuffix, length, type, fileId, blockSize, ecPolicy, ecBit } = status ?? {}
  if (typeof length !== 'number' || typeof type !== 'string' || typeof pathSuffix !== 'string') throw unexpected('length', { length, type, pathSuffix })
  return {
    name: pathSuffix,
    size: length,
    directory: type === 'DIRECTORY',
    fileId: typeof fileId === 'number' ? fileId : undefined,
    blockSize: typeof blockSize === 'number' ? blockSize : 0,
    striped: ecBit === true || typeof ecPolicy === 'string',
  }
}

function unexpected(field: string, answer: unknown): Error {
  return new Error(`no ${field} in ${JSON.stringify(answer)?.slice(0, 200) ?? 'nothing'}`)
}
