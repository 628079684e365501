/** What the sources of files have in common: how far they read, the headers of their events, their rate and progress line. */
import { join, resolve } from 'node:path'
import { statOfFd } from '../disk/fd.js'
import { readWhole } from '../disk/replace.js'
import { FlumeError } from '../errors.js'
import type { Clock, Source } from '../events/flow.js'
import { KNOWN_HEADERS, type HeaderOptions, type KnownHeader } from '../sources/headers.js'
import type { Refused } from '../sources/lines.js'
import { Paced, batchBytesAt } from '../sources/rate.js'
import type { Meter } from '../stat/meter.js'
import type { Context, Options, Values } from './command.js'
import { Progress } from './progress.js'

export const ONCE = {
  once: { type: 'flag', alias: '1', describe: 'end at the end of what is there' },
  quiet: { type: 'flag', alias: 'q', describe: 'with --once: draw no progress line' },
  progress: { type: 'flag', describe: 'with --once: draw it where stderr is no terminal, too' },
} as const satisfies Options

export const HEADERS = {
  header: { type: 'texts', placeholder: 'NAME=VALUE', describe: 'add this header to every event' },
  headers: { type: 'text', default: 'file,host,timestamp', placeholder: 'NAMES', describe: `which of ${KNOWN_HEADERS.join(', ')} events have` },
  'no-headers': { type: 'flag', describe: 'none of these, only those of --header' },
  'source-id': { type: 'text', placeholder: 'NAME', describe: 'whose files these are; default: the id of this machine' },
} as const satisfies Options

export const RATE = {
  rate: { type: 'size', placeholder: 'SIZE', describe: 'send at most so many bytes of events a second' },
} as const satisfies Options

export function checkProgress({ once, progress }: Values<typeof ONCE>): void {
  if (progress && !once) throw new FlumeError('BAD_OPTION', '--progress goes with --once: what follows has no end')
}

export function isDrawn({ quiet, progress }: Values<typeof ONCE>): boolean {
  return !quiet && (progress || statOfFd(2).kind === 'terminal')
}

export function progressOf(command: string, source: { readonly unread: number; readonly whole?: number }, meter: Meter, clock: Clock): Progress {
  return new Progress(command, clock, () => ({ ...meter.read('source', '', ''), unread: source.unread, whole: source.whole ?? 0 }))
}

export function batchBytes({ rate }: Values<typeof RATE>): { batchBytesMax?: number } {
  if (rate === 0) throw new FlumeError('BAD_OPTION', 'cannot send at 0 bytes a second')
  return rate === undefined ? {} : { batchBytesMax: batchBytesAt(rate) }
}

export function paced(source: Source & { readonly asks: string }, { rate }: Values<typeof RATE>, clock: Clock): Source {
  return rate === undefined ? source : new Paced(source, rate, clock)
}

/** Where positions are kept: the file of --state, or this one in the state directory. */
export function statePath({ state }: { readonly state: string | undefined }, name: string, { directory, stateDirectory }: Context): string {
  return resolve(directory, state ?? join(stateDirectory, name))
}

export const STRICT: Refused = {
  add: (_line, { reason, partition, position }) => {
    const of = typeof position?.path === 'string' ? position.path : partition
    throw new FlumeError('BAD_EVENT', `cannot take a line of ${of}, before byte ${position?.offset ?? 0}: it is ${reason}`)
  },
  addPart: (piece, _last, refusal) => STRICT.add(piece, refusal),
  flush: () => Promise.resolve(),
}

export function headerOptions(values: Values<typeof HEADERS>): HeaderOptions {
  const names = values['no-headers'] ? [] : values.headers.split(',').map((name) => name.trim()).filter((name) => name !== '')
  return {
    known: names.map((name) => {
      if ((KNOWN_HEADERS as readonly string[]).includes(name)) return name as KnownHeader
      const known = KNOWN_HEADERS.join(', ')
      throw new FlumeError('BAD_OPTION', `unknown header ${JSON.stringify(name)}: --headers takes ${known}; --header sets others`)
    }),
    fixed: new Map(values.header.map(fixedHeader)),
  }
}

function fixedHeader(text: string): [string, string] {
  const equals = text.indexOf('=')
  if (equals < 1) throw new FlumeError('BAD_OPTION', `--header is NAME=VALUE, not ${JSON.stringify(text)}`)
  const name = text.slice(0, equals)
  if (name.startsWith('flume.')) throw new FlumeError('BAD_OPTION', `--header: names that begin with flume. are reserved: ${name}`)
  return [name, text.slice(equals + 1)]
}

/** Part of each partition's name, so that a queue fed from several machines can tell their files apart. */
export async function sourceId(values: Values<typeof HEADERS>, { disk }: Context): Promise<string> {
  const given = values['source-id']
  if (given !== undefined && !/^[A-Za-z0-9_-]{1,64}$/.test(given)) {
    throw new FlumeError('BAD_OPTION', `--source-id is 1 to 64 of A-Z a-z 0-9 _ -: ${JSON.stringify(given)}`)
  }
  const machine = await readWhole(disk, '/etc/machine-id').catch(() => undefined)
  const id = machine?.toString('latin1').trim() ?? ''
  return given ?? (/^[0-9a-f]{32}$/.test(id) ? id : 'local')
}
