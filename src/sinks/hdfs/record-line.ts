/** The lines of a record: steps of commits, and what is known of temporary names and of files that are being filled. */
import { sealed, unsealed } from '../../disk/sealed.js'
import { CODECS, type CodecName } from './codec.js'
import type { Finished } from './filesystem.js'
import type { Place } from './path.js'

/** One commit: which file gets which name, and up to where its bucket is complete then. */
export interface Commit extends Place {
  /** The sequence just after the last one of the file. */
  readonly end: number
  readonly file: Finished
  /** Its final path. */
  readonly path: string
}

/** `begin`: the file is durable and about to get its name. `done`: it has had it, durably. `drop`: it is gone without it. */
export interface CommitLine extends Commit {
  readonly step: 'begin' | 'done' | 'drop'
}

/** Of a temporary name, at a time in ms since the epoch. */
export interface NameLine {
  readonly step: 'attempt' | 'failed' | 'gone'
  readonly path: string
  readonly time: number
}

/** A file is being filled whose events nobody sends again. */
export interface Filling extends Place {
  /** Of its draft. */
  readonly path: string
  readonly suffix: string
  readonly codec: CodecName
  /** The first sequence. */
  readonly first: number
}

export interface FillingLine extends Filling {
  readonly step: 'filling'
}

/** Nothing is left of such a draft. */
interface OverLine {
  readonly step: 'over'
  readonly path: string
}

export type Line = CommitLine | NameLine | FillingLine | OverLine

export function bytesOf(line: Line): Buffer {
  return sealed(line)
}

/** Without its newline; undefined: it is not what was written. */
export function parseLine(bytes: Buffer): Line | undefined {
  const text = unsealed(bytes) ?? (bytes.includes('"crc32"') ? undefined : bytes) // earlier versions wrote none
  if (text === undefined) return undefined
  try {
    const line = JSON.parse(text.toString()) as { step: string; file?: Partial<Finished> } & Partial<Record<string, unknown>>
    const { step, file } = line
    const isName = step === 'attempt' || step === 'failed' || step === 'gone'
    if (isName) return typeof line['path'] === 'string' && Number.isSafeInteger(line['time']) ? (line as unknown as NameLine) : undefined
    if (step === 'filling') return isFilling(line) ? (line as unknown as FillingLine) : undefined
    if (step === 'over') return typeof line['path'] === 'string' ? (line as unknown as OverLine) : undefined
    const texts = [line['directory'], line['prefix'], line['bucket'], line['path'], file?.path, file?.id].every((field) => typeof field === 'string')
    if (!texts || !Number.isSafeInteger(line['end']) || !Number.isSafeInteger(file?.size)) return undefined
    if (file?.parent !== undefined && typeof file.parent !== 'string') return undefined // earlier versions wrote none
    return step === 'begin' || step === 'done' || step === 'drop' ? (line as unknown as CommitLine) : undefined
  } catch {
    return undefined
  }
}

function isFilling(line: Partial<Record<string, unknown>>): boolean {
  const texts = [line['directory'], line['prefix'], line['bucket'], line['path'], line['suffix']].every((field) => typeof field === 'string')
  return texts && Number.isSafeInteger(line['first']) && Object.hasOwn(CODECS, String(line['codec']))
}
