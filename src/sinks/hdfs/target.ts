/** Where `--path` points: on which file system, at which absolute directory. */
import { resolve } from 'node:path'
import { FlumeError } from '../../errors.js'
import type { DefaultFileSystem } from './conf.js'

const DEFAULT = 'flume/%Y-%m-%d'

/**
 * The absolute directory, escapes and all, of `--path` on the local file system; without a path `./flume/%Y-%m-%d`.
 * Throws UNAVAILABLE for a file system that is not supported, BAD_OPTION for what is no path.
 */
export function targetOf(path: string | undefined, standard: DefaultFileSystem, directory: string): string {
  if (path === '') throw new FlumeError('BAD_OPTION', '--path is empty')
  if (path !== undefined && URI.test(path)) return localPath(path, '--path')
  localPath(standard.uri, `fs.defaultFS of ${standard.from}`)
  return resolve(directory, path ?? DEFAULT)
}

const URI = /^[A-Za-z][A-Za-z0-9+.-]*:\//

/** Of `file:///x`, `file:/x` and `file://localhost/x`. */
function localPath(uri: string, what: string): string {
  const match = /^file:(?:\/\/(?:localhost)?)?(\/(?!\/).*)$/i.exec(uri)
  if (match !== null) return resolve(match[1] as string)
  const scheme = /^[^:/]*(?=:)/.exec(uri)?.[0] ?? ''
  const shown = `${JSON.stringify(uri)} (${what})`
  if (/^file$/i.test(scheme)) throw new FlumeError('BAD_OPTION', `cannot understand ${shown}: file:///DIRECTORY is absolute`)
  const hint = 'only file:// is supported; --path file:///DIRECTORY writes to this machine'
  throw new FlumeError('UNAVAILABLE', `cannot write to ${shown}: ${hint}`)
}
