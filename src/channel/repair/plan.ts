/**
 * What a repair would do: for each thing that --check finds one cure, and what it costs. Changes nothing. What it says of
 * events is what reading.ts gives out, before and after.
 */
import { basename } from 'node:path'
import { assert } from '../../errors.js'
import { Check } from '../check.js'
import type { Finding } from '../finding.js'
import type { Gap } from '../gap.js'
import type { OpenHow } from '../identity.js'
import { segmentSizes, type Paths, type Surroundings } from '../surroundings.js'
import { identify, type Identified } from './identify.js'
import type { Step } from './step.js'
import { findStrays, readHeaders, withoutStrays, type Stray } from './strays.js'

/** A segment that is written new, or made. */
export interface Rewrite {
  /** Segments whose frames it gets, in order; its own file first, where there is one. */
  readonly sources: string[]
  /** Events that are lost, in order. */
  readonly gaps: Gap[]
}

export interface Plan {
  readonly steps: readonly Step[]
  readonly identified: Identified
  readonly strays: readonly Stray[]
  /** By path, in order. */
  readonly rewrites: ReadonlyMap<string, Rewrite>
  /** Names of files in cursors/. */
  readonly cursors: readonly string[]
  readonly retain: boolean
  /** Sequence of the oldest event. */
  readonly first: number
  /** Bytes to be written, about. */
  readonly bytes: number
}

/** Throws NO_INPUT where there is no queue, VERSION. */
export async function planRepair(paths: Paths, around: Surroundings, accept: OpenHow['accept'], stop: AbortSignal): Promise<Plan> {
  const sizes = await segmentSizes(around.disk, paths).catch(() => new Map<number, number>())
  const headers = await readHeaders(paths, around, [...sizes.keys()])
  const identified = await identify(paths, around, accept, headers)
  const { identity } = identified
  const strays = findStrays(paths, [...sizes.keys()], identity, headers)
  const planner = new Planner(paths, pathsOf(paths, [...sizes.keys()], strays))
  const check = new Check(paths, { ...around, disk: withoutStrays(around.disk, paths, strays) }, stop, identity)
  for await (const finding of check.findings()) planner.cure(finding)
  const sources = [...planner.rewrites.values()].flatMap((rewrite) => rewrite.sources)
  const bytes = sources.reduce((sum, path) => sum + (sizes.get(Number(basename(path, '.seg'))) ?? 0), 0)
  const steps = [...(identified.step ? [identified.step] : []), ...strays.map((stray) => strayStep(stray)), ...planner.steps]
  const { rewrites, cursors, retain } = planner
  return { steps, identified, strays, rewrites: new Map([...rewrites].sort()), cursors, retain, first: check.summary.first, bytes }
}

/** Of the segments that will be there when the strays are where they belong. */
function pathsOf(paths: Paths, segments: readonly number[], strays: readonly Stray[]): string[] {
  const there = new Set(segments.map((first) => paths.segment(first)))
  for (const { path } of strays) there.delete(path)
  for (const { to } of strays) if (to !== undefined) there.add(to)
  return [...there].sort()
}

function strayStep({ path, queue, to }: Stray): Step {
  const at = { kind: 'stray', file: path, byte: 0 } as const
  if (queue !== undefined) return { ...at, reason: `is a segment of queue ${queue}`, does: 'is moved away', costs: 'no event of this queue' }
  if (to !== undefined) return { ...at, reason: 'has a wrong name', does: `becomes ${to}`, costs: 'nothing: its events are there again' }
  return { ...at, reason: 'has a wrong name, and another has the right one', does: 'is moved away', costs: 'what only it holds' }
}

class Planner {
  readonly steps: Step[] = []
  readonly rewrites = new Map<string, Rewrite>()
  readonly cursors: string[] = []
  retain = false
  /** A segment whose events stand in others too, and the one before it, which gets the rest. */
  readonly #doubles = new Map<string, string>()

  /** `there`: segments, in order. */
  constructor(
    readonly paths: Paths,
    readonly there: readonly string[],
  ) {}

  cure(finding: Finding): void {
    const { kind, file, gap } = finding
    switch (kind) {
      case 'note':
        return
      case 'retain':
        this.retain = true
        return this.#step(finding, 'is written new: all is kept', 'room, until --retain says what is to be kept')
      case 'cursor':
        this.cursors.push(file)
        return this.#step(finding, 'begins at the oldest event', 'what it has acked comes again')
      case 'removed':
        if (gap !== undefined) this.#removed(gap)
        return this.#step(finding, 'a segment is made that says so', 'nothing more: they are lost already')
      case 'ahead':
        return this.#step(finding, 'stays where it is, and the queue goes on there', 'nothing')
      case 'double':
        this.#double(file)
        return this.#step(finding, 'is moved away, what only it holds goes to the end of the one before', 'nothing: no event comes twice any more')
      case 'positions':
        if (finding.byte === null) return this.#step(finding, 'one is begun, without positions', 'what sends into the queue sends from its beginning')
        this.#rewrite(file)
        return this.#step(finding, 'is written new with the positions that its frames tell', 'what sent others sends them from their beginning')
      case 'lost':
        return this.#lost(finding)
      default:
        this.steps.push({ ...stepOf(finding), does: 'nothing', costs: 'only a program that is wrong writes this', left: true })
    }
  }

  #step(finding: Finding, does: string, costs: string): void {
    this.steps.push({ ...stepOf(finding), does, costs })
  }

  #lost(finding: Finding): void {
    const { file, gap } = finding
    const path = this.#doubles.get(file) ?? file
    this.#rewrite(path, gap)
    const does = this.there.includes(path) ? 'is written new, with all that verifies' : 'is made, and says which events are lost'
    this.#step(finding, does, gap === undefined ? 'no event' : 'nothing more: they are lost already, and come as a gap event')
  }

  #rewrite(path: string, gap?: Gap): Rewrite {
    const rewrite = this.rewrites.get(path) ?? { sources: this.there.includes(path) ? [path] : [], gaps: [] }
    if (gap !== undefined) rewrite.gaps.push(gap)
    this.rewrites.set(path, rewrite)
    return rewrite
  }

  #double(path: string): void {
    const before = this.there.findLast((each) => each < path && !this.#doubles.has(each))
    assert(before !== undefined)
    this.#doubles.set(path, before)
    this.#rewrite(before).sources.push(path)
  }

  /** Before the oldest event: one gap, from where the reader stands that is farthest behind. */
  #removed(gap: Gap): void {
    const former = [...this.rewrites].find(([, { gaps }]) => gaps.some(({ reason }) => reason === 'removed'))
    if (former !== undefined && (former[1].gaps[0]?.first ?? 0) <= gap.first) return
    if (former !== undefined) this.rewrites.delete(former[0])
    this.#rewrite(this.paths.segment(gap.first), gap)
  }
}

function stepOf({ kind, file, byte, reason, first, last }: Finding): Omit<Step, 'does' | 'costs'> {
  return { kind, file, byte, reason, ...(first === undefined ? {} : { first }), ...(last === undefined ? {} : { last }) }
}
