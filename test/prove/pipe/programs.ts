/** The programs of a schedule: the real ends of src/pipe in a source of numbered events, a stage, and a reader; and programs of others. */
import { FlumeError } from '../../../src/errors.js'
import type { Batch, Mark, Position } from '../../../src/events/batch.js'
import type { Source } from '../../../src/events/flow.js'
import { Input } from '../../../src/pipe/input.js'
import type { InputOptions } from '../../../src/pipe/input-options.js'
import { deliver } from '../../../src/pipe/output.js'
import type { OutputOptions } from '../../../src/pipe/output-options.js'
import { Relay } from '../../../src/pipe/relay.js'
import { running, type Process } from './kernel.js'

/** What outlives every process. */
export interface Durable {
  /** What each source remembers: events before it are acked. */
  readonly settled: Map<string, number>
  /** What the reader has stored: of each partition the numbers in their order, and how far it goes. */
  readonly stored: Map<string, { numbers: number[]; next: number }>
  /** Lines that came without a mark. */
  readonly plain: string[]
}

/** One process as it is to be started. */
export interface Spec {
  readonly program: 'flume-count' | 'flume-pass' | 'flume-store' | 'cat' | 'jq' | 'head'
  /** Killed before this call. */
  readonly killAt?: number
  /** Told to stop when so many calls are made; one that would follow for ever also when nothing else happens. */
  readonly stopAt?: number
  readonly follows?: boolean
  /** Of a source. */
  readonly partition?: string
  readonly count?: number
  readonly batch?: number
  /** Of a program of others: its last line is longer than an event may be, and comes in two pieces. */
  readonly long?: boolean
  /** Of a reader: it keeps positions; it acks only what it must. */
  readonly keeps?: boolean
  readonly lazy?: boolean
  /** Its output is its own. */
  readonly own?: boolean
}

/** Something that must never be. */
export class Wrong extends Error {}

const EVENT_BYTES_MAX = 10_000
const nothing = (): void => undefined
const blocks: Buffer[] = []
let used = 0
let nonces = 0

/** The next run begins as the first one did, in the same memory. */
export function forget(): void {
  used = nonces = 0
}

function allocate(size: number): Buffer {
  return (blocks[used++] ??= Buffer.alloc(size))
}

const clock = {
  now: (): number => running.now,
  monotonic: (): number => running.now,
  sleep: (ms: number, stop?: AbortSignal): Promise<void> => running.sleep(ms, stop),
}

function output(process: Process, fd: number, spec: Spec): OutputOptions {
  return {
    fd, own: spec.own === true, command: spec.program, pid: process.pid, uid: 1000, ack: 'auto', grace: 60_000, clock,
    nonce: () => `n${nonces++}`, say: (message) => running.note(`says ${message}`),
  }
}

function input(process: Process, fd: number, spec: Spec): InputOptions {
  return {
    fd, command: spec.program, pid: process.pid, uid: 1000, eventBytesMax: EVENT_BYTES_MAX, allocate,
    tooLong: (piece) => running.io('reject', () => { if (/[^x\n]/.test(piece.toString())) throw new Wrong('a line is too long') }), say: (message) => running.note(`says ${message}`),
  }
}

/** Resolves with the status. */
export async function main(process: Process, spec: Spec, fds: { in?: number; out?: number }, durable: Durable, stop: AbortSignal): Promise<number | string> {
  try {
    switch (spec.program) {
      case 'flume-count':
        return await deliver(counting(spec, durable), output(process, fds.out!, spec), stop)
      case 'flume-pass':
        return await pass(process, spec, fds.in!, fds.out!, stop)
      case 'flume-store':
        return await store(process, spec, fds.in!, durable, stop)
      case 'cat':
        return await cat(spec, fds.out!)
      case 'jq':
      case 'head':
        return await look(spec, fds.in!)
    }
  } catch (error) {
    if (error instanceof FlumeError && error.code !== 'BUG') return error.code
    throw error
  }
}

function counting({ partition = 'file.n', count = 0, batch = 1, follows = false }: Spec, durable: Durable): Source {
  return {
    asks: 'file.',
    async *open(reader, stop) {
      const settled = durable.settled.get(partition) ?? 0
      let at = settled
      if (reader.kind === 'keeps') at = reader.held.get(partition)?.[0]?.offset ?? 0
      else if (reader.kind === 'plain') at = reader.held?.get(partition)?.[0]?.offset ?? settled
      while (!stop.aborted && at < count) {
        const to = Math.min(count, at + batch)
        yield await running.io('read the log', () => events(partition, at, to))
        at = to
      }
      if (follows && !stop.aborted) await new Promise((resolve) => stop.addEventListener('abort', resolve))
    },
    settle: (mark) => running.io('settle', () => {
      const has = durable.stored.get(partition)?.next ?? 0
      if (mark.to.offset > has) throw new Wrong(`${mark.to.offset} of ${partition} are settled, ${has} are stored`)
      durable.settled.set(partition, mark.to.offset)
    }),
  }
}

function events(partition: string, from: number, to: number): Batch {
  let lines = ''
  for (let n = from; n < to; n++) lines += `{"body":"${partition} ${n}"}\n`
  const mark: Mark = { partition, from: from === 0 ? null : { offset: from }, to: { offset: to }, time: 0, replayable: true }
  return { lines: Buffer.from(lines), count: to - from, mark, release: nothing }
}

async function pass(process: Process, spec: Spec, fdIn: number, fdOut: number, stop: AbortSignal): Promise<number | string> {
  const from = new Input(input(process, fdIn, spec))
  const copied = (batch: Batch): Batch => {
    const lines = Buffer.from(batch.lines)
    batch.release()
    return { ...batch, lines, release: nothing }
  }
  const relay = new Relay(from, copied, { partition: `pipe.${process.pid}`, replayable: true, bind: (binding) => binding, now: () => running.now })
  const ended = await deliver(relay, { ...output(process, fdOut, spec), patient: true }, stop)
  if (ended !== 'SIGPIPE') await from.close()
  return ended
}

async function store(process: Process, spec: Spec, fd: number, durable: Durable, stop: AbortSignal): Promise<number> {
  const held = async (prefix: string): Promise<Map<string, Position[]>> =>
    running.io('look up', () => new Map([...durable.stored].filter(([name]) => name.startsWith(prefix)).map(([name, { next }]) => [name, [{ offset: next }]])))
  const from = new Input({ ...input(process, fd, spec), ...(spec.keeps === true ? { held } : {}) })
  let last: Mark | null = null
  for await (const batch of from.batches(stop)) {
    if (batch.flush === true && last) from.ack(last)
    if (batch.count > 0) {
      const lines = batch.lines.toString().split('\n').slice(0, -1)
      if (lines.length !== batch.count) throw new Wrong(`${batch.count} events are said to be in ${JSON.stringify(lines)}`)
      await running.io('store', () => keep(lines, batch.mark, spec.keeps === true, durable))
    }
    last = batch.mark ?? last
    batch.release()
    if (batch.mark && (spec.lazy !== true || running.choose(3) === 0)) from.ack(batch.mark)
  }
  if (last) from.ack(last)
  await from.close()
  return 0
}

/** One transaction: the events and how far they go. */
function keep(lines: readonly string[], mark: Mark | null, keeps: boolean, durable: Durable): void {
  if (mark === null) return void durable.plain.push(...lines)
  const { partition, from, to } = mark
  if (partition.startsWith('pipe.')) return void durable.plain.push(...lines)
  const numbers = lines.map((line) => Number(/^\{"body":"(.*) (\d+)"\}$/.exec(line)?.[2]))
  const stored = durable.stored.get(partition) ?? { numbers: [], next: 0 }
  const first = from?.offset ?? 0
  if (numbers.length !== to.offset - first || numbers.some((n, index) => n !== first + index)) throw new Wrong(`${first} to ${to.offset} of ${partition} is ${lines.join(' ')}`)
  if (keeps && to.offset <= stored.next) return
  if (keeps ? first !== stored.next : first > stored.next) throw new Wrong(`${stored.next} of ${partition} are stored, and then comes ${first}`)
  stored.numbers.push(...numbers)
  stored.next = Math.max(stored.next, to.offset)
  durable.stored.set(partition, stored)
}

/** Lines of a program that is none of ours. */
async function cat({ partition = 'old', count = 0, long = false }: Spec, fd: number): Promise<number> {
  const end = running.fds.get(fd)!
  const lines = Array.from({ length: count }, (_, n) => `{"body":"${partition} ${n}"}\n`)
  if (long) lines.push('x'.repeat(EVENT_BYTES_MAX + 100), 'x\n')
  for (const line of lines) await new Promise<void>((resolve) => end.pipe.write(end, Buffer.from(line), () => resolve()))
  return 0
}

/** Reads all, or a first line, and finds only events in it, in their order. */
async function look({ program }: Spec, fd: number): Promise<number> {
  const end = running.fds.get(fd)!
  let text = ''
  for (;;) {
    while (end.pipe.bytes.length === 0 && !end.pipe.ended) {
      await new Promise<void>((resolve) => {
        const { process } = end
        end.changed = (): void => {
          end.changed = undefined
          running.post(process, resolve)
        }
      })
    }
    text += await running.io('read', () => end.pipe.read(65_536).toString())
    if (end.pipe.ended || (program === 'head' && text.includes('\n'))) break
  }
  const lines = text.split('\n')
  const cut = running.processes.some(({ calls, killAt, stopAt }) => calls >= Math.min(killAt, stopAt?.calls ?? Infinity))
  if (program === 'jq' && lines.pop() !== '' && !cut) throw new Wrong(`half a line comes to a program: ${text.slice(-100)}`)
  const strange = (program === 'head' ? lines.slice(0, -1).slice(0, 1) : lines).findIndex((line, n) => line !== `{"body":"file.n ${n}"}`)
  if (strange >= 0) throw new Wrong(`a program reads ${lines[strange]} as line ${strange}`)
  return 0
}
