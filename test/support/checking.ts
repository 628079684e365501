/** A queue on a disk in memory, spoiled and checked: what --check says beside what is given out. */
import { Check } from '../../src/channel/check.js'
import { Queue, type Surroundings } from '../../src/channel/channel.js'
import type { Finding, Summary } from '../../src/channel/finding.js'
import type { Batch } from '../../src/events/batch.js'
import { Paths } from '../../src/channel/surroundings.js'
import { FakeClock } from './clock.js'
import { MemoryDisk } from './memory-disk.js'
import { aroundOf, numbered, putAll, stream, takeAll, type Taken } from './queue.js'

export const PUT = { segmentBytesMax: 3000, freeMin: 0 }

export interface Checked {
  readonly findings: readonly Finding[]
  readonly summary: Summary
}

/** Each look at it is a moment later, so that every frame has a time of its own. */
class Ticking extends FakeClock {
  override now(): number {
    return this.time++
  }
}

/** Batches of 1 to 5 short events: a queue of these is small. */
export function* short(from: number, to: number): Generator<Batch> {
  for (let at = from; at < to; at += 1 + (at % 5)) yield numbered(at, Math.min(to, at + 1 + (at % 5)))
}

/** A queue /q of the numbered events 0 to `count` - 1, of several segments, with a reader `r` that has acked nothing. */
export async function queueOn(disk: MemoryDisk, count: number, batches: Iterable<Batch> | AsyncIterable<Batch> = stream(0, count)): Promise<Queue> {
  const queue = await Queue.open('/q', aroundOf(disk.boot(), new Ticking(1_600_000_000_000)), { create: true })
  const putter = await queue.openPut(PUT)
  await putAll(putter, batches)
  await putter.close()
  const taker = await queue.openTake('r', { once: true })
  await takeAll(taker, { kind: 'acks' }, false)
  await taker.close()
  return queue
}

export async function checkAll(around: Surroundings, directory = '/q'): Promise<Checked> {
  const check = new Check(new Paths(directory), around, new AbortController().signal)
  const findings: Finding[] = []
  for await (const finding of check.findings()) findings.push(finding)
  return { findings, summary: check.summary }
}

/** Numbers of the events that findings call lost. */
export function lostIn(findings: readonly Finding[]): number[] {
  return findings.flatMap(({ first = 0, last = -1 }) => Array.from({ length: last - first + 1 }, (_, n) => first + n)).sort((a, b) => a - b)
}

/** Numbers of the events that gap events stand for. */
export function gapsIn(taken: readonly Taken[]): number[] {
  return taken.filter(({ text }) => text.includes('flume.gap')).flatMap(({ from, to }) => Array.from({ length: to - from }, (_, n) => from + n))
}

/** Paths of the segments, in order. */
export function segmentsOn(disk: MemoryDisk): string[] {
  return [...disk.directory('/q/segments').entries.keys()].filter((name) => name.endsWith('.seg')).sort().map((name) => `/q/segments/${name}`)
}

/** Changes a file behind the back of everybody. */
export function spoil(disk: MemoryDisk, path: string, change: (bytes: Buffer) => Buffer): void {
  const inode = disk.find(path)
  if (inode === undefined) throw new Error(`there is no ${path}`)
  inode.bytes = change(Buffer.from(inode.bytes))
  inode.durable = Buffer.from(inode.bytes)
}

/** Flips one bit. */
export function flip(disk: MemoryDisk, path: string, at: number): void {
  spoil(disk, path, (bytes) => {
    bytes[at]! ^= 0x40
    return bytes
  })
}

/** As gap events say them. */
export function gapEventsOf(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ gap }) => (gap === undefined ? [] : [`${gap.first}-${gap.end} ${gap.reason} ${gap.time}`])).sort()
}

export function gapEventsIn(taken: readonly Taken[]): string[] {
  const gaps = taken.filter(({ text }) => text.includes('flume.gap'))
  return gaps.map(({ from, to, text }) => `${from}-${to} ${/"flume.gap":"([a-z]+)"/.exec(text)?.[1]} ${/"timestamp":"(\d+)"/.exec(text)?.[1]}`).sort()
}
