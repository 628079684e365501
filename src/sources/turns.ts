/** The names that logrotate(8) and others give to a log they rotate: which log a file was, and which of two was it earlier. */
import { basename } from 'node:path'

/** A file that may have been the log `base` once; `turn` is what was put into its name. */
export interface Rotated {
  readonly base: string
  readonly turn: string
}

export const COMPRESSED = /\.(gz|zst)$/
/** Behind the name: `.1`, `-20260131`, `.2026-01-31`, `-20260131-1769817600`, `.old`, `.1.old`. */
const BEHIND = /^([-._]\d[\d._:T-]*(\.old)?|\.old)$/
/** Before the last part of it: `app.1.log`, `app-20260131.log`. */
const BEFORE = /^(.+?)(\.\d{1,3}|[-._]\d[\d_:T-]{5,})(\.[A-Za-z]\w*)$/

/** All that this name may be a rotated name of. */
export function rotatedFrom(name: string): Rotated[] {
  const whole = name.replace(COMPRESSED, '')
  const found: Rotated[] = []
  for (const { index } of whole.matchAll(/[-._](?=\d|old$)/g)) {
    const turn = whole.slice(index)
    if (index > 0 && BEHIND.test(turn)) found.push({ base: whole.slice(0, index), turn })
  }
  const [, stem, turn, end] = BEFORE.exec(whole) ?? []
  if (stem !== undefined && turn !== undefined) found.push({ base: `${stem}${end}`, turn })
  return found
}

/** The same for one that was compressed where it stood. */
export function compressedFrom(name: string): Rotated[] {
  return COMPRESSED.test(name) ? [{ base: name.replace(COMPRESSED, ''), turn: '' }] : []
}

/** Whether a file with this path may be the log that had that path, rotated. */
export function isRotated(path: string, log: string): boolean {
  return rotatedFrom(basename(path)).some(({ base }) => base === basename(log))
}

/** Below 0: a file with the first name was the log before one with the second. Higher numbers are older, later days newer. */
export function compareTurns(one: string, other: string): number {
  const [a, b] = [one, other].map((turn) => (/^\.\d{1,3}$/.test(turn) ? Number(turn.slice(1)) : undefined))
  if (a !== undefined && b !== undefined) return b - a
  return one < other ? -1 : one > other ? 1 : 0
}
