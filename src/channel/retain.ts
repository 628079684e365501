/** What is kept although all readers have acked it: the file `retain` of a queue, flume-segment(5). Missing: nothing is. */
import { unlinkThere } from '../disk/gone.js'
import { readWhole, replace } from '../disk/replace.js'
import { FlumeError } from '../errors.js'
import type { Paths, Surroundings } from './surroundings.js'

/** Kept is what neither bound gives up; null: no bound. */
export interface Retain {
  /** ms since the last event of a segment was put. */
  readonly age: number | null
  /** Bytes of the newest segments. */
  readonly bytes: number | null
}

/** Undefined: nothing is kept. Throws SEGMENT_DAMAGED. */
export async function readRetain({ disk }: Pick<Surroundings, 'disk'>, paths: Paths): Promise<Retain | undefined> {
  const bytes = await readWhole(disk, paths.retain)
  if (bytes === undefined) return undefined
  try {
    const { age, bytes: size } = JSON.parse(bytes.toString()) as Partial<Retain>
    if (isBound(age) && isBound(size)) return { age, bytes: size }
  } catch {
    // said below, as for anything else that is no record
  }
  throw new FlumeError('SEGMENT_DAMAGED', `cannot read ${paths.retain}: it does not say what is to be kept; --retain says it again`)
}

/** A record that cannot be read keeps everything. */
export async function retainOrAll(around: Surroundings, paths: Paths): Promise<Retain | undefined> {
  try {
    return await readRetain(around, paths)
  } catch (error) {
    if (!(error instanceof FlumeError)) throw error
    around.say(error.message)
    return { age: null, bytes: null }
  }
}

/** Whether the record says this already. */
export async function isSaid(around: Surroundings, paths: Paths, retain: Retain | undefined): Promise<boolean> {
  const text = await readWhole(around.disk, paths.retain)
  return retain === undefined ? text === undefined : text?.toString() === encode(retain)
}

/** On return it is on disk. Several processes may write at once: one of them is the last. */
export async function writeRetain({ disk, uuid }: Surroundings, paths: Paths, retain: Retain | undefined): Promise<void> {
  if (retain !== undefined) return replace(disk, paths.retain, Buffer.from(encode(retain)), `${paths.retain}.${uuid()}.tmp`)
  await unlinkThere(disk, paths.retain)
  await disk.syncDirectory(paths.directory)
}

function encode({ age, bytes }: Retain): string {
  return `${JSON.stringify({ age, bytes })}\n`
}

function isBound(value: unknown): value is number | null {
  return value === null || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
}
