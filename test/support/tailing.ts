/** A tail() over real files, in this process, with a clock that the test moves; and a reader that remembers what it is told to. */
import type { Mark, Position } from '../../src/events/batch.js'
import type { Held, Reader } from '../../src/events/flow.js'
import { parseEvent } from '../../src/events/json.js'
import { nodeDisk } from '../../src/disk/node.js'
import { tail, type Surroundings, type Tail, type TailOptions } from '../../src/sources/tail.js'
import { TIMES } from '../../src/sources/rounds.js'
import { FakeClock } from './clock.js'

export interface Sent {
  readonly bodies: readonly string[]
  readonly headers: readonly ReadonlyMap<string, string>[]
  readonly mark: Mark
}

let ids = 0

export class Tailing {
  readonly sent: Sent[] = []
  readonly said: string[] = []
  readonly refused: string[] = []
  readonly source: Tail
  #stop = new AbortController()
  #running: Promise<void> | undefined
  #ended = false
  #piece = ''

  constructor(
    patterns: readonly string[],
    readonly clock = new FakeClock(),
    options: Partial<TailOptions> = {},
    around: Partial<Surroundings> = {},
  ) {
    this.source = tail(
      {
        patterns, once: false, fromEnd: false, sourceId: 'test', headers: { known: ['file'], fixed: new Map() },
        eventBytesMax: 16 * 1024 * 1024, statePath: '/nowhere/tail.json', times: TIMES, olddirs: [], openFilesMax: 500, ...options,
      },
      {
        disk: nodeDisk, clock, host: 'here',
        refused: {
          add: (line) => void this.refused.push(Buffer.from(line).toString('latin1')),
          addPart: (piece, last) => {
            this.#piece += Buffer.from(piece).toString('latin1')
            if (last) this.refused.push(this.#piece.slice(0))
            if (last) this.#piece = ''
          },
          flush: async () => undefined,
        },
        randomId: () => `r${++ids}`, say: (message) => void this.said.push(message), ...around,
      },
    )
  }

  /** All lines so far, in order. */
  get bodies(): string[] {
    return this.sent.flatMap(({ bodies }) => bodies)
  }

  /** The positions of a reader that has taken all so far. */
  held(sent: readonly Sent[] = this.sent): Map<string, readonly Position[]> {
    return new Map(sent.map(({ mark }) => [mark.partition, [mark.to]]))
  }

  /** Begins to read; resolves when nothing is left to do, or at the end. */
  async start(reader: Reader = { kind: 'keeps', held: new Map() }): Promise<void> {
    this.#stop = new AbortController()
    this.#ended = false
    this.#running = this.#pull(reader).finally(() => (this.#ended = true))
    await this.settled()
  }

  /** Lets time pass; resolves when all that comes of it is done. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms)
    await this.settled()
  }

  async settled(): Promise<void> {
    await Promise.race([this.clock.idle(), this.#running])
  }

  get ended(): boolean {
    return this.#ended
  }

  /** To the end of a --once. */
  async finish(): Promise<void> {
    while (!this.#ended) await this.pass(500)
    await this.#running
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async close(): Promise<void> {
    await this.stop()
    await this.source.close()
  }

  async #pull(reader: Reader): Promise<void> {
    for await (const { lines, count, mark, release } of this.source.open(reader, this.#stop.signal)) {
      const events = lines.length === 0 ? [] : lines.toString().slice(0, -1).split('\n').map((line) => parseEvent(Buffer.from(line)))
      if (events.length !== count || mark === null) throw new Error(`${count} events are said to be in ${events.length} lines`)
      this.sent.push({ bodies: events.map(({ body }) => body.toString('latin1')), headers: events.map(({ headers }) => headers), mark })
      release()
      if (reader.kind === 'acks' || reader.kind === 'off') await this.source.settle(mark)
    }
  }
}

/** What a reader holds that holds nothing. */
export const NOTHING: Held = new Map()
