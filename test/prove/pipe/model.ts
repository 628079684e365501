/**
 * The handshake and the acks of flume-pipe(7) as a machine so small that all its states can be looked at: a writer of two events, a reader that
 * keeps positions, a pipe of two places, messages in flight both ways; each of the two may die at every step. No event may be taken that is void, none
 * left out, and from every state the end can be reached.
 */

const COUNT = 2
const PLACES = 2

/** What is in the pipe: an event without a mark, or an empty line that calls its reader; an event with a mark; or a begin line. */
type Token = { readonly plain: number | 'call' } | { readonly of: number; readonly marked: number } | { readonly of: number; readonly begin: number | 'all' }

/** A connection: messages up and down, and which end is gone; with both it is none. */
interface Connection {
  readonly up: readonly (number | 'hello' | { readonly have: number })[]
  readonly down: readonly ('ask' | { readonly hello: number } | { readonly bye: number })[]
  readonly left: '' | 'writer' | 'reader' | 'both'
}

interface State {
  readonly writer: 'none' | 'plain' | 'begin' | 'wait' | 'send' | 'bye' | 'await' | 'ended'
  /** The next event to write, tokens written since it started, and whether it replaced a dead socket. */
  readonly at: number
  readonly written: number
  readonly replaced: boolean
  readonly acked: number
  readonly begun: boolean
  readonly name: 'none' | 'live' | 'dead'
  readonly pipe: readonly Token[]
  /** The first that its writer has not left is the writer's, the last one the reader's. */
  readonly connections: readonly Connection[]
  readonly reader: 'none' | 'plain' | 'hello' | 'begun'
  readonly held: readonly Token[]
  readonly nonce: number
  readonly fresh: boolean
  readonly draining: boolean
  readonly stored: number
  readonly nonces: number
  readonly deaths: readonly [number, number]
}

/** Rules that may be left out, to see that they are needed. */
export const RULES = ['look first', 'void count', 'void all', 'remove when empty', 'nonce', 'wait for acks'] as const
export type Rule = (typeof RULES)[number]

const START: State = {
  writer: 'none', at: 0, written: 0, replaced: false, acked: 0, begun: false, name: 'none', pipe: [], connections: [],
  reader: 'none', held: [], nonce: 0, fresh: false, draining: false, stored: 0, nonces: 0, deaths: [0, 0],
}

export interface Enumerated {
  readonly states: number
  readonly steps: number
  readonly fault: string | undefined
}

/** Something that must never be. */
class Wrong extends Error {}

/** `deaths`: how often each of the two dies at most. */
export function enumerate(deaths: number, without?: Rule): Enumerated {
  const model = new Model(without)
  const first = JSON.stringify({ ...START, deaths: [deaths, deaths] } satisfies State)
  const before = new Map<string, string[]>([[first, []]])
  const ends: string[] = []
  let steps = 0
  // a Map goes on to what is added while it is walked
  for (const [key] of before) {
    const state = JSON.parse(key) as State
    if (state.writer === 'ended' && state.reader === 'plain' && !state.draining && state.stored === COUNT) ends.push(key)
    try {
      for (const next of model.steps(state)) {
        steps++
        const to = JSON.stringify(next)
        const from = before.get(to)
        if (from === undefined) before.set(to, [key])
        else from.push(key)
      }
    } catch (error) {
      if (error instanceof Wrong) return { states: before.size, steps, fault: `${error.message}: ${key}` }
      throw error
    }
  }
  const live = new Set(ends)
  for (const key of live) for (const from of before.get(key)!) live.add(from)
  const stuck = [...before.keys()].find((key) => !live.has(key))
  return { states: before.size, steps, fault: stuck === undefined ? undefined : `no way to the end: ${stuck}` }
}

class Model {
  constructor(readonly without: Rule | undefined) {}

  *steps(state: State): Generator<State> {
    yield* this.#writer(state)
    yield* this.#reader(state)
    yield* this.#deaths(state)
  }

  *#writer(state: State): Generator<State> {
    const { writer, at, written, pipe, connections, nonces, acked } = state
    const index = connections.findIndex(({ left }) => left !== 'writer')
    const own = connections[index]
    const room = pipe.length < PLACES
    if (writer === 'none') {
      const replaced = state.name === 'dead'
      yield { ...state, writer: 'plain', at: 0, written: 0, replaced, acked: 0, begun: false, name: 'live' }
      return
    }
    if (writer === 'ended') return
    if (writer === 'plain' && at < COUNT && room) yield { ...state, at: at + 1, written: written + 1, pipe: [...pipe, { plain: at }] }
    // a reader that looked before this writer was there looks again only once it has read something
    if (writer === 'await' && written === 0 && room) yield { ...state, written: 1, pipe: [...pipe, { plain: 'call' }] }
    if ((writer === 'plain' || writer === 'await') && own?.up[0] === 'hello') {
      const greeted: Connection = { ...own, up: own.up.slice(1), down: [{ hello: nonces + 1 }] }
      yield { ...state, writer: 'begin', nonces: nonces + 1, begun: false, acked: 0, connections: connections.with(index, greeted) }
    }
    if (own === undefined) return
    if (writer === 'begin' && room) {
      const begin = state.replaced && this.without !== 'void all' ? 'all' : this.without === 'void count' ? 0 : written
      yield { ...state, writer: 'wait', written: written + 1, pipe: [...pipe, { of: nonces, begin }], connections: connections.with(index, { ...own, down: [...own.down, 'ask'] }) }
    }
    const [message] = own.up
    const heard: State = { ...state, connections: connections.with(index, { ...own, up: own.up.slice(1) }) }
    if (typeof message === 'number' && writer !== 'plain') yield { ...heard, acked: Math.max(acked, message), begun: true }
    if (typeof message === 'object' && writer === 'wait') yield { ...heard, writer: 'send', at: message.have, acked: message.have }
    if (writer === 'send' && at < COUNT && room) yield { ...state, at: at + 1, written: written + 1, pipe: [...pipe, { of: nonces, marked: at }] }
    if (writer === 'send' && at === COUNT) yield { ...state, writer: 'bye', connections: connections.with(index, { ...own, down: [...own.down, { bye: COUNT }] }) }
    const others = connections.toSpliced(index, 1)
    if (writer === 'bye') yield* this.#farewell(state, own, others)
    const orphaned = own.up.length === 0 && own.left === 'reader'
    if (orphaned && writer !== 'plain' && writer !== 'bye') yield { ...state, writer: 'await', connections: others }
    if (orphaned && writer === 'plain') yield { ...state, connections: others }
  }

  /** Nothing is owed, and no later reader could take for events what is in the pipe; or the reader is gone. */
  *#farewell(state: State, own: Connection, others: readonly Connection[]): Generator<State> {
    const { acked, begun, stored } = state
    const left = [...others, own].filter((one) => one.left !== 'reader').map((one): Connection => ({ ...one, up: [], left: 'writer' }))
    if ((acked >= COUNT || this.without === 'wait for acks') && begun) {
      if (stored < COUNT) throw new Wrong(`the writer ends though ${stored} are stored`)
      yield { ...state, writer: 'ended', name: 'none', connections: left }
    } else if (own.up.length === 0 && own.left !== '') {
      yield { ...state, writer: 'none', name: 'dead', connections: others } // 74: it is started again
    }
  }

  *#reader(state: State): Generator<State> {
    const { reader, pipe, held, fresh, draining, name, connections } = state
    if (reader === 'none') {
      yield { ...state, reader: 'plain', held: [], fresh: true, draining: false, nonce: 0 }
      return
    }
    if (pipe.length > 0) yield { ...state, pipe: pipe.slice(1), held: [...held, pipe[0]!], fresh: true }
    if (reader !== 'plain') return void (yield* this.#connected(state))
    if (fresh && this.without !== 'look first') {
      const looked = { ...state, fresh: false }
      if (name === 'live') yield { ...looked, reader: 'hello', nonce: 0, connections: [...connections, { up: ['hello'], down: [], left: '' }] }
      else if (name === 'dead') yield { ...looked, held: [], draining: true, name: this.without === 'remove when empty' ? 'none' : name }
      else yield looked
      return
    }
    if (draining) {
      const empty = pipe.length === 0
      yield { ...state, held: [], draining: !empty, name: empty && name === 'dead' ? 'none' : name, fresh: empty ? fresh : false }
    } else if (held.length > 0) throw new Wrong('void bytes are taken for events')
    else if (this.without === 'look first' && fresh) yield { ...state, fresh: false }
  }

  *#connected(state: State): Generator<State> {
    const { reader, held, nonce, stored, draining, connections } = state
    const own = connections.at(-1)!
    const others = connections.slice(0, -1)
    const [message] = own.down
    const heard = { ...state, connections: [...others, { ...own, down: own.down.slice(1) }] }
    const said = (more: Connection['up'][number], from: State = state): State => {
      const last = from.connections.at(-1)!
      return { ...from, connections: [...others, { ...last, up: last.left === '' ? [...last.up, more] : last.up }] }
    }
    if (typeof message === 'object' && 'hello' in message) yield { ...heard, nonce: message.hello }
    if (message === 'ask' && reader === 'begun') yield said({ have: stored }, heard)
    const done = typeof message === 'object' && 'bye' in message && message.bye === stored && reader === 'begun'
    if (done) yield { ...state, reader: 'plain', fresh: true, connections: own.left === '' ? [...others, { ...own, down: [], left: 'reader' }] : others }
    else if (message === undefined && own.left !== '') {
      yield { ...state, reader: 'plain', fresh: true, connections: others, ...(reader === 'begun' ? { held: [], draining: true } : {}) }
    }
    const begin = held.findIndex((token) => 'begin' in token && (token.of === nonce || (this.without === 'nonce' && nonce > 0)))
    if (reader === 'hello' && nonce > 0 && begin >= 0) {
      const { begin: count } = held[begin] as { begin: number | 'all' }
      if (!draining && count !== 'all' && begin > count) throw new Wrong('void bytes before a begin line are taken for events')
      yield said(0, { ...state, reader: 'begun', held: held.slice(begin + 1), draining: false })
    }
    // others write only when this writer is gone: that ends the connection, and then all of it is void
    const [first] = held
    if (reader === 'begun' && first !== undefined && 'marked' in first && first.of === nonce) yield said(...this.#mark(state, first.marked))
  }

  #mark(state: State, marked: number): [number, State] {
    const { held, stored } = state
    if (marked > stored) throw new Wrong(`${stored} are stored, and then comes ${marked}`)
    const next = Math.max(stored, marked + 1)
    return [next, { ...state, held: held.slice(1), stored: next }]
  }

  *#deaths(state: State): Generator<State> {
    const { writer, reader, deaths: [writers, readers], connections } = state
    const leaving = (who: 'writer' | 'reader') => (connection: Connection): Connection =>
      ({ ...connection, left: connection.left === '' || connection.left === who ? who : 'both', ...(who === 'writer' ? { up: [] } : { down: [] }) })
    if (writers > 0 && writer !== 'none' && writer !== 'ended') {
      const left = connections.map(leaving('writer')).filter((one) => one.left !== 'both')
      yield { ...state, writer: 'none', name: 'dead', connections: left, deaths: [writers - 1, readers] }
    }
    if (readers > 0 && reader !== 'none') {
      const left = reader === 'plain' ? connections : [...connections.slice(0, -1), leaving('reader')(connections.at(-1)!)].filter((one) => one.left !== 'both')
      yield { ...state, reader: 'none', held: [], nonce: 0, draining: false, fresh: false, connections: left, deaths: [writers, readers - 1] }
    }
  }
}
