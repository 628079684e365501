/** Where `--path` points: on which file system, at which absolute directory. */
import { posix, resolve } from 'node:path'
import { FlumeError } from '../../errors.js'
import { clusterOf, isHdfs, type Cluster, type ClusterAround } from './cluster.js'

export interface Target {
  /** Absolute directory with escapes; on a cluster it begins with the cluster's uri. */
  readonly path: string
  /** Undefined: this machine. */
  readonly cluster: Cluster | undefined
}

const DEFAULT = 'flume/%Y-%m-%d'
const URI = /^([A-Za-z][A-Za-z0-9+.-]*):(\/.*)$/
/** Meant as a URI, and none: it begins with a space, has no slash after its scheme, or no colon. */
const MEANT = /^\s*(?:[A-Za-z][A-Za-z0-9+.-]*:|(?:s?web)?hdfs\/\/)/i
/** Of a default file system: Hadoop takes its scheme and authority alone. */
const ITS_PATH = /(?<=^[^:]*:\/\/[^/]*)\/.*$|\/+$/s

/**
 * Of `--path`; without one `flume/%Y-%m-%d`, on this machine in `directory`, on a cluster at its root. Throws UNAVAILABLE
 * for a file system that is not supported, BAD_OPTION for what is no path.
 */
export function targetOf(path: string | undefined, directory: string, around: ClusterAround): Target {
  if (path === '') throw new FlumeError('BAD_OPTION', '--path is empty')
  const { conf, user, say } = around
  if (path !== undefined && URI.test(path)) return absolute(path, '--path', around)
  if (path !== undefined && MEANT.test(path)) {
    throw new FlumeError('BAD_OPTION', `cannot understand ${shown(path, '--path')}: a URI is SCHEME://HOST/DIRECTORY; a directory of that name is ./NAME`)
  }
  const standard = conf.get('fs.defaultFS') ?? 'file:///'
  if (/^file:/i.test(standard)) {
    if (conf.silent !== undefined) say(`taking the file system of this machine: ${conf.silent} has no fs.defaultFS`)
    return { path: resolve(directory, path ?? DEFAULT), cluster: undefined }
  }
  const relative = path === undefined ? `/${DEFAULT}` : posix.resolve('/user', user ?? '', path)
  return absolute(`${standard.replace(ITS_PATH, '')}${relative}`, `fs.defaultFS of ${conf.from}`, around)
}

/** A URI for people: without a name and password that stand before an @. */
function shown(uri: string, what: string): string {
  return `${JSON.stringify(uri.replace(/(?<=:\/*)[^:/].*@/s, '***@'))} (${what})`
}

function absolute(uri: string, what: string, around: ClusterAround): Target {
  const scheme = URI.exec(uri)?.[1] ?? ''
  if (!isHdfs(scheme)) return { path: localPath(uri, what, scheme), cluster: undefined }
  const standard = /^(\w+):\/\/([^/]+)/.exec(around.conf.get('fs.defaultFS') ?? '')
  const [, given = '', path = ''] = /^[^:]*:(?:\/\/([^/]*))?(\/.*)?$/.exec(uri) ?? []
  const authority = given !== '' ? given : isHdfs(standard?.[1] ?? '') ? (standard?.[2] ?? '') : ''
  if (authority === '') throw new FlumeError('BAD_OPTION', `cannot understand ${shown(uri, what)}: which cluster? ${scheme}://HOST/DIRECTORY`)
  const directory = posix.normalize(path === '' ? '/' : path).replace(/(?<=.)\/$/, '')
  if (directory.includes(':')) throw new FlumeError('BAD_OPTION', `cannot write to ${shown(uri, what)}: HDFS takes no ":" in a name`)
  const cluster = clusterOf(scheme, authority, around)
  return { path: `${cluster.uri}${directory === '/' ? '' : directory}`, cluster }
}

/** Of `file:///x`, `file:/x` and `file://localhost/x`. */
function localPath(uri: string, what: string, scheme: string): string {
  const match = /^file:(?:\/\/(?:localhost)?)?(\/(?!\/).*)$/i.exec(uri)
  if (match !== null) return resolve(match[1] as string)
  if (/^file$/i.test(scheme)) throw new FlumeError('BAD_OPTION', `cannot understand ${shown(uri, what)}: file:///DIRECTORY is absolute`)
  throw new FlumeError('UNAVAILABLE', `cannot write to ${shown(uri, what)}: only hdfs://, webhdfs://, swebhdfs:// and file:// are supported`)
}
