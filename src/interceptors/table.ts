/**
 * The interceptors by the names of their options, in the order in which --help has them. What is typed becomes a chain in the
 * order in which it was typed; a setting holds for the interceptors behind it.
 */
import { FlumeError } from '../errors.js'
import type { Around } from './around.js'
import type { Link, OnError } from './chain.js'
import { copy, keep, remove, rename } from './fields.js'
import { environmentValue, fileContent, host } from './given.js'
import type { Interceptor } from './interceptor.js'
import { defaultHeader, staticHeader } from './static.js'
import { timestamp } from './timestamp.js'

/** One option that was typed, with its value: `true` for a flag. */
export interface Typed {
  readonly name: string
  readonly text: string
}

/** As an option of a command: its value may come several times, a flag has none. */
interface Kind {
  readonly type: 'texts' | 'flag'
  readonly placeholder?: string
  readonly choices?: readonly string[]
  readonly describe: string
  make(text: string, around: Around, settings: Settings): Interceptor | Promise<Interceptor>
}

/** What holds for the interceptors that follow. */
export interface Settings {
  readonly onError: OnError
}

const KINDS: Readonly<Record<string, Kind>> = {
  static: { type: 'texts', placeholder: 'NAME=VALUE', describe: 'set a header', make: staticHeader },
  default: { type: 'texts', placeholder: 'NAME=VALUE', describe: 'set a header where it is missing', make: defaultHeader },
  host: { type: 'texts', placeholder: 'WHAT', choices: ['name', 'ip', 'fqdn'], describe: 'set the header host to this of the machine', make: host },
  timestamp: { type: 'flag', describe: 'set the header timestamp to the time of day', make: (_text, around) => timestamp(around) },
  env: { type: 'texts', placeholder: 'NAME=VARIABLE', describe: 'set a header from the environment', make: environmentValue },
  file: { type: 'texts', placeholder: 'NAME=FILE', describe: 'set a header to what is in a file', make: fileContent },
  remove: { type: 'texts', placeholder: 'NAMES', describe: 'remove these headers', make: remove },
  keep: { type: 'texts', placeholder: 'NAMES', describe: 'remove all headers but these', make: keep },
  rename: { type: 'texts', placeholder: 'OLD=NEW', describe: 'give a header, or the body, another name', make: rename },
  copy: { type: 'texts', placeholder: 'FROM=TO', describe: 'copy a header, or the body, to another name', make: copy },
}

/** What the command line may have of them: each is taken in its order. */
export const INTERCEPTOR_OPTIONS = Object.fromEntries(
  Object.entries(KINDS).map(([name, { type, placeholder, choices, describe }]) => [
    name,
    { type, describe, ordered: true as const, ...(placeholder === undefined ? {} : { placeholder }), ...(choices === undefined ? {} : { choices }) },
  ]),
)

/** The chain that was typed. Throws BAD_OPTION, NO_INPUT. */
export async function linksOf(typed: readonly Typed[], around: Around): Promise<Link[]> {
  const links: Link[] = []
  const settings: Settings = { onError: 'pass' }
  for (const { name, text } of typed) {
    const kind = KINDS[name]
    if (kind === undefined) continue
    const title = kind.type === 'flag' ? `--${name}` : `--${name} ${text}`
    const interceptor = await made(kind, title, text, around, settings)
    links.push({ title, interceptor, onError: settings.onError })
  }
  return links
}

async function made(kind: Kind, title: string, text: string, around: Around, settings: Settings): Promise<Interceptor> {
  try {
    return await kind.make(text, around, settings)
  } catch (error) {
    if (error instanceof FlumeError) throw new FlumeError(error.code, `${title}: ${error.message}`)
    throw error
  }
}
