/** Rows of a table of measured lines. */
import type { Measured } from './shell.js'

export const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!
export const cell = (text: string | number, width = 10): string => String(text).padStart(width)
export const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0)

const NAME_SIZE = 8

export const header = (rounds: number, nameSize = NAME_SIZE): string => `${rounds} rounds`.padEnd(nameSize) + ['best s', 'median s', 'best MB/s', 'med. MB/s', 'cpu s'].map((text) => cell(text)).join('')

export function row(name: string, runs: readonly Measured[], bytes: number, nameSize = NAME_SIZE): string {
  const best = Math.min(...runs.map((run) => run.wall))
  const middle = median(runs.map((run) => run.wall))
  const cells = [best.toFixed(2), middle.toFixed(2), megabytes(bytes / best), megabytes(bytes / middle), median(runs.map((run) => run.cpu)).toFixed(2)]
  return name.padEnd(nameSize) + cells.map((text) => cell(text)).join('')
}
