/**
 * The default file system, as a Hadoop client on this machine has it: fs.defaultFS of core-site.xml. Never guessed: what
 * cannot be read or understood is an error, since the local file system in its place would take events that belong elsewhere.
 */
import { join } from 'node:path'
import type { Disk } from '../../disk/disk.js'
import { readWhole } from '../../disk/replace.js'
import { FlumeError } from '../../errors.js'
import { refusal } from '../retry.js'

type Env = Readonly<Record<string, string | undefined>>

/** Where the configuration of a Hadoop client may lie; the first that has a core-site.xml counts. A named one must exist. */
function directoriesOf(env: Env): string[] {
  if (env['HADOOP_CONF_DIR']) return [env['HADOOP_CONF_DIR']]
  if (env['HADOOP_HOME']) return [join(env['HADOOP_HOME'], 'etc/hadoop'), '/etc/hadoop/conf']
  return ['/etc/hadoop/conf']
}

export interface DefaultFileSystem {
  /** `hdfs://nn:8020`, `file:///` */
  readonly uri: string
  /** The file that says so; undefined: nothing is configured, and the local one it is, as in Hadoop itself. */
  readonly from: string | undefined
}

/** Throws UNAVAILABLE when a configuration is there and cannot be used, PERMISSION when it cannot be read. */
export async function defaultFileSystem(disk: Disk, env: Env): Promise<DefaultFileSystem> {
  for (const directory of directoriesOf(env)) {
    const path = join(directory, 'core-site.xml')
    const uri = (await readProperties(disk, path))?.get('fs.defaultFS')
    if (uri !== undefined) return { uri: resolved(uri, env, path), from: path }
  }
  return { uri: 'file:///', from: undefined }
}

async function readProperties(disk: Disk, path: string): Promise<Map<string, string> | undefined> {
  try {
    const bytes = await readWhole(disk, path)
    return bytes === undefined ? undefined : await parseProperties(bytes.toString(), path)
  } catch (error) {
    throw refusal(`cannot read ${path}`, error)
  }
}

/** Name to value of `<property>` elements; of a name that comes twice the last. Throws UNAVAILABLE. */
export async function parseProperties(text: string, path: string): Promise<Map<string, string>> {
  const { DOMParser } = await import('@xmldom/xmldom') // most machines have no such file
  const properties = new Map<string, string>()
  try {
    const onError = (level: string, message: string): void => {
      if (level !== 'warning') throw new Error(message)
    }
    const root = new DOMParser({ onError }).parseFromString(text, 'text/xml').documentElement
    for (const property of root?.getElementsByTagName('property') ?? []) {
      const [name, value] = ['name', 'value'].map((tag) => property.getElementsByTagName(tag)[0]?.textContent?.trim())
      if (name && value !== undefined) properties.set(name, value)
    }
    if (root?.getElementsByTagNameNS('http://www.w3.org/2001/XInclude', 'include').length) {
      throw new Error('it includes another file, which is not supported')
    }
  } catch (cause) {
    throw new FlumeError('UNAVAILABLE', `cannot understand ${path}`, { cause })
  }
  return properties
}

/** Hadoop's `${env.NAME}` stays possible; other variables need all of its files. */
function resolved(value: string, env: Env, path: string): string {
  return value.replace(/\$\{([^}]*)\}/g, (variable, name: string) => {
    const known = name.startsWith('env.') ? env[name.slice('env.'.length)] : undefined
    if (known === undefined) throw new FlumeError('UNAVAILABLE', `cannot resolve ${variable} in fs.defaultFS of ${path}`)
    return known
  })
}
