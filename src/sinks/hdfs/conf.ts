/**
 * The configuration of a Hadoop client on this machine: core-site.xml and hdfs-site.xml. Never guessed: what cannot be
 * read or understood is an error, since the local file system in its place would take events that belong elsewhere.
 */
import { join } from 'node:path'
import type { Disk } from '../../disk/disk.js'
import { readWhole } from '../../disk/replace.js'
import { FlumeError } from '../../errors.js'
import { refusal } from '../retry.js'

type Env = Readonly<Record<string, string | undefined>>

/** Where the configuration of a Hadoop client may lie. */
function directoriesOf(env: Env): string[] {
  if (env['HADOOP_CONF_DIR']) return [env['HADOOP_CONF_DIR']]
  if (env['HADOOP_HOME']) return [join(env['HADOOP_HOME'], 'etc/hadoop'), '/etc/hadoop/conf']
  return ['/etc/hadoop/conf']
}

export interface HadoopConf {
  /** The value of a property, variables resolved; undefined: it is not set. Throws UNAVAILABLE for an unknown variable. */
  get(name: string): string | undefined
  /** The core-site.xml; undefined: nothing is configured, and the local file system is the default, as in Hadoop itself. */
  readonly from: string | undefined
  /** The one that HADOOP_CONF_DIR means, where it does not say where files go. */
  readonly silent?: string
}

/**
 * Of the first directory that says where files go (fs.defaultFS), else of the first that says anything. Throws UNAVAILABLE
 * when a configuration is there and cannot be used, or HADOOP_CONF_DIR names none; PERMISSION when it cannot be read.
 */
export async function hadoopConf(disk: Disk, env: Env): Promise<HadoopConf> {
  let silent: HadoopConf | undefined
  for (const directory of directoriesOf(env)) {
    const path = join(directory, 'core-site.xml')
    const core = await readProperties(disk, path)
    const hdfs = await readProperties(disk, join(directory, 'hdfs-site.xml'))
    if (core === undefined && hdfs === undefined) {
      if (env['HADOOP_CONF_DIR']) throw new FlumeError('UNAVAILABLE', `cannot find ${path}, where HADOOP_CONF_DIR says it is`)
      continue
    }
    const properties = new Map([...(core ?? []), ...(hdfs ?? [])])
    if (core?.has('fs.defaultFS')) return { get: (name) => valueOf(name, properties, env, path), from: path }
    silent ??= { get: (name) => valueOf(name, properties, env, path), from: undefined, ...(env['HADOOP_CONF_DIR'] ? { silent: path } : {}) }
  }
  return silent ?? { get: () => undefined, from: undefined }
}

/** Throws UNAVAILABLE for an unknown variable, and for too many of them. `path`: of the core-site.xml */
function valueOf(name: string, properties: ReadonlyMap<string, string>, env: Env, path: string): string | undefined {
  let left = VARIABLES_MAX
  const resolved = (name: string, depth: number): string | undefined =>
    properties.get(name)?.replace(/\$\{([^}]*)\}/g, (variable, inner: string) => {
      if (left-- <= 0) throw new FlumeError('UNAVAILABLE', `cannot resolve ${name} of ${path}: it has more than ${VARIABLES_MAX} variables`)
      const [, key = '', standard] = /^(.*?)(?::?-(.*))?$/s.exec(inner) ?? []
      const isEnv = key.startsWith('env.')
      const known = isEnv ? (env[key.slice('env.'.length)] ?? standard) : depth < DEPTH_MAX ? resolved(inner, depth + 1) : undefined
      if (known === undefined) throw new FlumeError('UNAVAILABLE', `cannot resolve ${variable} in ${name} of ${path}`)
      return known
    })
  return resolved(name, 0)
}

/** Variables within variables: as deep as Hadoop goes. */
const DEPTH_MAX = 20
/** In all, the same one again counted again: two of each in each would be a million at that depth. */
const VARIABLES_MAX = 1000

async function readProperties(disk: Disk, path: string): Promise<Map<string, string> | undefined> {
  try {
    const bytes = await readWhole(disk, path)
    return bytes === undefined ? undefined : await parseProperties(bytes.toString(), path)
  } catch (error) {
    throw refusal(`cannot read ${path}`, error)
  }
}

/** Twice the larger one of Hadoop's own defaults. A text takes 100 times its size to parse, so one of some MB would end the sink. */
const SIZE_MAX = 512 * 1024

/** Names that Hadoop still takes for those of today. */
const RENAMED: Readonly<Record<string, string>> = { 'fs.default.name': 'fs.defaultFS' }

/** Name to value of `<property>` elements; of a name that comes twice the last. Throws UNAVAILABLE. */
export async function parseProperties(text: string, path: string): Promise<Map<string, string>> {
  if (text.length > SIZE_MAX) throw new FlumeError('UNAVAILABLE', `cannot understand ${path}: it has more than ${SIZE_MAX} characters`)
  const { DOMParser } = await import('@xmldom/xmldom') // most machines have no such file
  const properties = new Map<string, string>()
  try {
    const onError = (level: string, message: string): void => {
      if (level !== 'warning') throw new Error(message)
    }
    const root = new DOMParser({ onError }).parseFromString(text, 'text/xml').documentElement
    for (const property of root?.getElementsByTagName('property') ?? []) {
      const [name, value] = ['name', 'value'].map((tag) => property.getElementsByTagName(tag)[0]?.textContent?.trim())
      if (name && value !== undefined) properties.set(RENAMED[name] ?? name, value)
    }
    if (root?.getElementsByTagNameNS('http://www.w3.org/2001/XInclude', 'include').length) {
      throw new Error('it includes another file, which is not supported')
    }
  } catch (cause) {
    throw new FlumeError('UNAVAILABLE', `cannot understand ${path}`, { cause })
  }
  return properties
}
