/** Where the time of a stage goes: the functions of a .cpuprofile that node --cpu-prof wrote, by their own time. */
import { readFileSync } from 'node:fs'

interface Profile {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { functionName: string; url: string; lineNumber: number } }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** The `count` functions with the most ms of their own, waiting left out: `12.3 ms  escapeLines events/escape.js:42`. */
export function hotSpots(path: string, count: number): string[] {
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(path, 'utf8')) as Profile
  const names = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]))
  const times = new Map<string, number>()
  for (const [index, sample] of samples.entries()) {
    const name = names.get(sample) ?? ''
    times.set(name, (times.get(name) ?? 0) + timeDeltas[index]! / 1000)
  }
  times.delete('(idle)')
  const sorted = [...times].sort(([, a], [, b]) => b - a).slice(0, count)
  return sorted.map(([name, ms]) => `${ms.toFixed(1).padStart(9)} ms  ${name}`)
}

function placeOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  const file = url.replace(/^file:\/\/.*\/(dist|node_modules)\//, '')
  return file === '' ? name : `${name} ${file}:${lineNumber + 1}`
}
