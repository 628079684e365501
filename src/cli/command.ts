/** What a command is made of: a name, options, and a run that turns them into a flow. main.ts does the rest. */
import type { Clock } from '../events/flow.js'
import type { Disk } from '../disk/disk.js'
import type { Shown } from './stage.js'

/** `size`: bytes, with K, M, G; `duration`: ms, with ms, s, m, h, d; `count`: a whole number; `texts`: may be repeated. */
export interface Option {
  readonly type: 'text' | 'texts' | 'flag' | 'size' | 'duration' | 'count'
  /** One line for --help; the man page says the rest. */
  readonly describe: string
  /** What stands for the value in --help and the man page: `BYTES`. */
  readonly placeholder?: string
  /** As it would be typed: '64K', '10m'. Absent: the value is undefined (flag: false, texts: empty). */
  readonly default?: string
  /** Largest size, typed likewise. */
  readonly max?: string
  readonly choices?: readonly string[]
  readonly alias?: string
  /** Where it stands among the others of this kind matters: run() gets them in their order. */
  readonly ordered?: true
  /** Asked for on the command line only: a variable of this name says nothing. */
  readonly typedOnly?: true
}

/** An ordered option as it was typed; `text` is `true` for a flag. */
export interface Typed {
  readonly name: string
  readonly text: string
}

export type Options = Readonly<Record<string, Option>>

type Parsed<O extends Option> = O['type'] extends 'flag'
  ? boolean
  : O['type'] extends 'texts'
    ? readonly string[]
    : O['type'] extends 'text'
      ? string
      : number

/** Option values by their long name. */
export type Values<T extends Options> = {
  readonly [K in keyof T]: T[K]['type'] extends 'flag' | 'texts'
    ? Parsed<T[K]>
    : T[K] extends { readonly default: string }
      ? Parsed<T[K]>
      : Parsed<T[K]> | undefined
}

/** What a command may touch of the world around it. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute. Throws NO_INPUT: it was removed, or its name is too long. */
  readonly directory: string
  readonly pid: number
  /** Effective user id. */
  readonly uid: number
  /** One line for people on stderr: `flume-tail: …`. */
  say(message: string): void
  /** From now on flume-stat(1) can ask how it stands. */
  show(shown: Shown): void
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP: stop reading, flush, ack, bye. main.ts then dies of that signal. */
  readonly stop: AbortSignal
  readonly disk: Disk
  readonly clock: Clock
  /** Where a command keeps state: `$XDG_STATE_HOME/flume`, else `~/.local/state/flume`. */
  readonly stateDirectory: string
}

type Pairs<Name> = readonly (readonly [one: Name, other: Name])[]

export interface Command<T extends Options = Options> {
  /** `flume-tail` */
  readonly name: string
  readonly summary: string
  /** After the name: `[OPTION]... FILE...` */
  readonly usage: string
  readonly options: T
  /** Options of which one may be given, not both. */
  readonly exclusive?: Pairs<string>
  /** Options of programs like it that people try first, with the words for what they want here: `f: 'a file is followed …'`. */
  readonly foreign?: Readonly<Record<string, string>>
  /** Two or more: a line to type, and what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[]
  /** Throws FlumeError; returns the exit status where it is not 0, or the signal to die of. */
  run(values: Values<T>, operands: readonly string[], context: Context, typed: readonly Typed[]): Promise<number | NodeJS.Signals | void>
}

/** Keeps the types of the options, and knows their names. */
export function defineCommand<const T extends Options>(command: Command<T> & { readonly exclusive?: Pairs<keyof NoInfer<T>> }): Command<T> {
  return command
}
