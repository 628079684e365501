/** Sizes, times and counts as people type them. Each gives undefined for what it does not understand. */

/** Bytes */
export const SIZES: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }
/** ms */
export const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Bytes: `4096`, `64K`, `1.5G`, `128MiB`. K, KB and KiB are all 1024. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text)
  if (match === null) return undefined
  return whole(Number(match[1]) * SIZES[match[2]!.toLowerCase()]!)
}

/** Milliseconds: `500ms`, `10s`, `1.5h`. A unit is asked for, except with 0: a bare number could be meant either way. */
export function parseDuration(text: string): number | undefined {
  if (/^0+$/.test(text)) return 0
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  if (match === null) return undefined
  return whole(Number(match[1]) * DURATIONS[match[2]!]!)
}

export function parseCount(text: string): number | undefined {
  return /^\d+$/.test(text) ? whole(Number(text)) : undefined
}

function whole(number: number): number | undefined {
  const rounded = Math.round(number)
  return Number.isSafeInteger(rounded) ? rounded : undefined
}
