/** The names that logrotate(8) and others give to a log they rotate: which log a file was, and which of two was it earlier. */
import { basename } from 'node:path'

/** A file that may have been the log `base` once; `turn` is what was put into its name. */
export interface Rotated {
  readonly base: string
  readonly turn: string
}

const COMPRESSED = /\.(gz|zst)$/
/** Behind the name: `.1`, `-20260131`, `.2026-01-31`, `-20260131-1769817600`, `.old`, `.1.old`. */
const BEHIND = /^([-._]\d[\d._:T-]*(\.old)?|\.old)$/
/** Before the last part of it: `app.1.log`, `app-20260131.log`. */
const BEFORE = /^(.+?)(\.\d{1,3}|[-._]\d[\d_:T-]{5,})(\.[A-Za-z]\w*)$/

/** What a file of this path is made of by compressing it. */
export const plainOf = (path: string): string => path.replace(COMPRESSED, '')

/** All that this name may be a rotated name of. */
export function rotatedFrom(name: string): Rotated[] {
  const whole = plainOf(name)
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
  const plain = plainOf(name)
  return plain === name ? [] : [{ base: plain, turn: '' }]
}

/** Whether a file with this path is made of the other by compressing it. */
export const isCompressed = (path: string, plain: string | undefined): boolean => path !== plain && plainOf(path) === plain

/** How logrotate(8) calls a log that it copies to another place. */
const MOVING = /\.tmp$/

/** The path of a log, also while it is on its way from there. */
export const logOf = (path: string): string => path.replace(MOVING, '')

/** Whether a file with this path may be the log that had that path, rotated; or both may have been the same log. */
export function isRotated(path: string, log: string): boolean {
  const names = [basename(log), logOf(basename(log))]
  const logs = new Set([...names, ...names.flatMap((name) => rotatedFrom(name).map(({ base }) => base))])
  return [...rotatedFrom(basename(path)), ...compressedFrom(basename(path))].some(({ base }) => logs.has(base))
}

/** How the kubelet calls what one start of a container writes. */
const STARTED = /^(\d+)\.log$/

/**
 * Of a link that leads to a file with the first name, and led to one that has the second name by now, or to one that is gone: whether it
 * may have led to a file of a certain name in between. What the second one is rotated from is one, and so is each start of a container.
 */
export function ledTo(target: string, found: string | undefined): (name: string) => boolean {
  const bases = found === undefined ? [] : rotatedFrom(found).map(({ base }) => base)
  const startOf = (name: string): number => Number(STARTED.exec(name)?.[1] ?? NaN)
  const first = found === undefined ? 0 : startOf([found, ...bases].find((name) => STARTED.test(name)) ?? '')
  return (name) => bases.includes(name) || (startOf(name) >= first && startOf(name) < startOf(target))
}

/** Below 0: a file with the first name was the log before one with the second. Higher numbers are older, later days newer. */
export function compareTurns(one: string, other: string): number {
  const [a, b] = [one, other].map((turn) => (/^\.\d{1,3}$/.test(turn) ? Number(turn.slice(1)) : undefined))
  if (a !== undefined && b !== undefined) return b - a
  return one < other ? -1 : one > other ? 1 : 0
}
