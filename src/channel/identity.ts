/**
 * Which queue a directory is: queue.json, flume-segment(5). It knows its own inode, so that a copy or a restored backup,
 * which is another history under the same UUID, is never taken for the queue itself.
 */
import { dirname } from 'node:path'
import type { Disk, FileStat } from '../disk/disk.js'
import { fill, readWhole } from '../disk/replace.js'
import { errnoOf, FlumeError } from '../errors.js'
import { FORMAT } from './format.js'
import { Paths, type Surroundings } from './surroundings.js'

export interface Identity {
  readonly queue: string
  /** UUIDs from before it was copied. */
  readonly formerly: readonly string[]
}

/** Whether a segment that bears this UUID is one of the queue. */
export function isOf({ queue, formerly }: Identity, uuid: string): boolean {
  return uuid === queue || formerly.includes(uuid)
}

/** `create`: make it where nothing is. `accept`: what to make of a directory that is not where it was. */
export interface OpenHow {
  readonly create: boolean
  readonly accept?: 'copied' | 'moved'
}

interface Written extends Identity {
  readonly format: number
  readonly inode: string
  readonly born: string
}

/** Throws NO_INPUT (no queue is there), CANNOT_CREATE (one is to be made, and something else is there), VERSION, QUEUE_COPIED. */
export async function openIdentity(paths: Paths, around: Surroundings, how: OpenHow): Promise<Identity> {
  const { disk } = around
  const stat = await statOfDirectory(paths, disk, how.create)
  const bytes = stat === undefined ? undefined : await readWhole(disk, paths.identity)
  if (bytes !== undefined) return checkIdentity(paths, around, how, decode(bytes, paths))
  if (!how.create) throw new FlumeError('NO_INPUT', `cannot open queue ${paths.directory}: there is none`)
  const refusal = stat && (await otherThere(disk, paths))
  if (refusal === undefined) return create(paths, around)
  if ((await disk.stat(paths.identity)) === undefined) throw refusal
  return openIdentity(paths, around, how) // somebody else has made it meanwhile
}

/** What queue.json says, and whether the directory is where it says; changes nothing. Throws as openIdentity(), and SEGMENT_DAMAGED. */
export async function lookAtIdentity(paths: Paths, { disk }: Surroundings): Promise<{ readonly identity: Identity; readonly itself: boolean }> {
  await statOfDirectory(paths, disk, false)
  const bytes = await readWhole(disk, paths.identity)
  const stat = await disk.stat(paths.identity)
  if (bytes !== undefined && stat !== undefined) {
    const written = decode(bytes, paths)
    return { identity: written, itself: isItself(stat, written) }
  }
  if ((await disk.stat(paths.segments)) === undefined) throw new FlumeError('NO_INPUT', `cannot open queue ${paths.directory}: there is none`)
  throw new FlumeError('SEGMENT_DAMAGED', `cannot read ${paths.identity}: it is missing`)
}

const KINDS: Partial<Record<FileStat['kind'], string>> = { file: 'a file', fifo: 'a pipe', socket: 'a socket' }

/** Undefined: nothing is there. Throws CANNOT_CREATE, or NO_INPUT. */
async function statOfDirectory({ directory }: Paths, disk: Disk, create: boolean): Promise<FileStat | undefined> {
  const stat = await disk.stat(directory)
  if (stat === undefined || stat.kind === 'directory') return stat
  throw new FlumeError(create ? 'CANNOT_CREATE' : 'NO_INPUT', `cannot open queue ${directory}: it is ${KINDS[stat.kind] ?? 'a device'}, not a directory`)
}

async function checkIdentity(paths: Paths, around: Surroundings, how: OpenHow, written: Written): Promise<Identity> {
  const stat = await around.disk.stat(paths.identity)
  if (stat === undefined || isItself(stat, written)) return written
  if (how.accept === 'moved') return writeIdentity(paths, around, written)
  if (how.accept === 'copied') return writeIdentity(paths, around, { queue: around.uuid(), formerly: [...written.formerly, written.queue] })
  throw copied(paths)
}

export function copied({ directory }: Paths): FlumeError {
  return new FlumeError(
    'QUEUE_COPIED',
    `cannot open queue ${directory}: it was copied or restored from a backup; ` +
      'say --copied if the other one lives on, or --moved if this one takes its place',
  )
}

/** The device is not compared: its number may change at each boot. */
function isItself(stat: FileStat, { inode, born }: Written): boolean {
  if (String(stat.inode) !== inode) return false
  return stat.born === 0n || born === '0' || String(stat.born) === born
}

function decode(bytes: Buffer, paths: Paths): Written {
  let written: Partial<Written>
  try {
    written = (JSON.parse(bytes.toString()) as Partial<Written> | null) ?? {}
  } catch (cause) {
    throw new FlumeError('SEGMENT_DAMAGED', `cannot read ${paths.identity}, --repair says what can be done`, { cause })
  }
  const { format, queue, formerly = [], inode, born } = written
  if (typeof format === 'number' && format > FORMAT) {
    throw new FlumeError('VERSION', `cannot open queue ${paths.directory}: its format is ${format}, this program knows ${FORMAT}`)
  }
  if (format !== FORMAT || !isUuid(queue) || typeof inode !== 'string' || typeof born !== 'string' || !Array.isArray(formerly) || !formerly.every(isUuid)) {
    throw new FlumeError('SEGMENT_DAMAGED', `cannot read ${paths.identity}: it does not say which queue this is; --repair says what can be done`)
  }
  return { format, queue, formerly, inode, born }
}

function isUuid(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}

/** What may lie in a directory whose queue.json was not yet made when its maker died. */
const HALF_MADE = /^(segments|cursors|replays|lock|readers\.lock|committed|(queue\.json|retain|compress)(\..*\.tmp)?)$/

/** Why no queue can be made where this is; undefined: one can. */
async function otherThere(disk: Disk, paths: Paths): Promise<FlumeError | undefined> {
  const other = (await disk.list(paths.directory)).find((name) => !HALF_MADE.test(name))
  if (other !== undefined) return new FlumeError('CANNOT_CREATE', `cannot make a queue of ${paths.directory}: it is no queue and holds ${other}`)
  const segments = await disk.stat(paths.segments)
  if (segments === undefined || !(await disk.list(paths.segments)).some((name) => name.endsWith('.seg'))) return undefined
  return new FlumeError('SEGMENT_DAMAGED', `cannot open queue ${paths.directory}: it has segments, but queue.json is missing; --repair says what can be done`)
}

async function create(paths: Paths, around: Surroundings): Promise<Identity> {
  const { disk } = around
  const top = await disk.makeDirectory(paths.directory, 0o700)
  await makeParts(paths, disk)
  const identity = await writeIdentity(paths, around, { queue: around.uuid(), formerly: [] }, true)
  if (top !== undefined) await disk.syncDirectory(dirname(top))
  return identity
}

/** The directories in a queue, durably: whoever made them may have died before they were. Fine when they are there. */
export async function makeParts(paths: Paths, disk: Disk): Promise<void> {
  await disk.makeDirectory(paths.segments, 0o700)
  await disk.makeDirectory(paths.cursors, 0o700)
  await disk.syncDirectory(paths.directory)
  try {
    await disk.syncDirectory(dirname(paths.directory))
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error // a parent that may be passed but not read
  }
}

/** The temporary file becomes queue.json itself, so that its inode is known before it is written. `fresh`: whoever was first wins. */
export async function writeIdentity(paths: Paths, around: Surroundings, identity: Identity, fresh = false): Promise<Identity> {
  const { disk } = around
  const temporary = `${paths.identity}.${around.uuid()}.tmp`
  await fill(disk, paths.identity, temporary, 'create', async (file) => {
    const { inode, born } = await file.stat()
    const { queue, formerly } = identity
    const written: Written = { format: FORMAT, queue, formerly, inode: String(inode), born: String(born) }
    await file.write([Buffer.from(`${JSON.stringify(written)}\n`)], 0)
    await file.sync()
  })
  const mine = await put(disk, temporary, paths.identity, fresh)
  await disk.syncDirectory(paths.directory)
  return mine ? identity : openIdentity(paths, around, { create: false })
}

async function put(disk: Disk, temporary: string, path: string, fresh: boolean): Promise<boolean> {
  if (!fresh) {
    await disk.rename(temporary, path)
    return true
  }
  try {
    await disk.link(temporary, path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await disk.unlink(temporary)
  }
}
