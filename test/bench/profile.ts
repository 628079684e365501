/** Where the time of a stage goes: a .cpuprofile that node --cpu-prof wrote, by the functions of ours. */
import { readFileSync } from 'node:fs'

interface Frame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: Frame; readonly children?: readonly number[] }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** What a function of ours took with all of Node that it called, and which of that took most; ms. */
interface Spot {
  total: number
  readonly inside: Map<string, number>
}

/** The `count` functions that took most, waiting left out: `  347.4 ms  #write disk/fd.js:221 (writeBuffers 331)`. */
export function hotSpots(path: string, count: number): string[] {
  const profile = JSON.parse(readFileSync(path, 'utf8')) as Profile
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  const parents = new Map(profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const spots = new Map<string, Spot>()
  for (const [index, sample] of profile.samples.entries()) {
    const frame = frames.get(sample)!
    if (frame.functionName === '(idle)') continue
    let owner: number | undefined = sample
    while (owner !== undefined && !isOurs(frames.get(owner)!)) owner = parents.get(owner)
    add(spots, owner === undefined ? `${frame.functionName} of Node` : nameOf(frames.get(owner)!), frame, profile.timeDeltas[index]! / 1000)
  }
  const sorted = [...spots].sort(([, a], [, b]) => b.total - a.total)
  const all = sorted.reduce((sum, [, { total }]) => sum + total, 0)
  return [`${all.toFixed(0).padStart(7)} ms  in all`, ...sorted.slice(0, count).map(lineOf)]
}

function add(spots: Map<string, Spot>, name: string, frame: Frame, ms: number): void {
  const spot = spots.get(name) ?? { total: 0, inside: new Map<string, number>() }
  spots.set(name, spot)
  spot.total += ms
  if (!isOurs(frame)) spot.inside.set(frame.functionName, (spot.inside.get(frame.functionName) ?? 0) + ms)
}

function lineOf([name, { total, inside }]: [string, Spot]): string {
  const parts = [...inside].sort(([, a], [, b]) => b - a).slice(0, 3).map(([callee, ms]) => `${callee} ${ms.toFixed(0)}`)
  return `${total.toFixed(0).padStart(7)} ms  ${name}${parts.length > 0 ? `  (${parts.join(', ')})` : ''}`
}

const isOurs = ({ url }: Frame): boolean => /\/dist\//.test(url) && !url.includes('/node_modules/')

function nameOf({ functionName, url, lineNumber }: Frame): string {
  return `${functionName === '' ? '(anonymous)' : functionName} ${url.replace(/^.*\/dist\//, '')}:${lineNumber + 1}`
}
