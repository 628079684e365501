/** --host, --env, --file: headers from what is around the process, read once at its start. */
import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { FlumeError } from '../errors.js'
import type { Around } from './around.js'
import type { Interceptor } from './interceptor.js'
import { pair, settable } from './names.js'
import { setting } from './static.js'

export const HOST_NAMES = ['name', 'ip', 'fqdn'] as const satisfies readonly (keyof Around['host'])[]

/** Flume's host; useIP is `ip`. */
export function host(what: string, { host }: Around): Interceptor {
  const name = HOST_NAMES.find((known) => known === what)
  if (name === undefined) throw new FlumeError('BAD_OPTION', `expected one of ${HOST_NAMES.join(', ')}`)
  return given('host', host[name])
}

export function environmentValue(text: string, { env }: Around): Interceptor {
  const [name, variable] = pair(text, 'NAME=VARIABLE')
  const value = env[variable]
  if (value === undefined) throw new FlumeError('BAD_OPTION', `cannot set ${name}: there is no ${variable} in the environment`)
  return given(name, value)
}

/** Without the newline that it ends with. */
export async function fileContent(text: string, { readFile }: Around): Promise<Interceptor> {
  const [name, path] = pair(text, 'NAME=FILE')
  const bytes = await readFile(path)
  if (bytes === undefined) throw new FlumeError('NO_INPUT', `cannot set ${name}: there is no file ${path}`)
  if (!isUtf8(bytes)) throw new FlumeError('BAD_OPTION', `cannot set ${name}: ${path} is not UTF-8`)
  return given(name, bytes.toString().replace(/\r?\n$/, ''))
}

/** What it stood for may be long, or secret. */
function given(name: string, value: string): Interceptor {
  return { ...setting(settable(name), value), given: createHash('sha256').update(value).digest('hex').slice(0, 16) }
}
