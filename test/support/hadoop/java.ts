/** The command line of a Hadoop program on a JVM that starts fast and stays small. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

export const NAMENODE = 'org.apache.hadoop.hdfs.server.namenode.NameNode'
export const DATANODE = 'org.apache.hadoop.hdfs.server.datanode.DataNode'

/** Programs that load the same classes. */
export type Kind = 'namenode' | 'datanode' | 'tool'

export interface Hadoop {
  readonly jars: string
  /** Directory of class archives, which halve the work of a start. */
  readonly archives: string
  /** Write the archives as the programs end, in place of using them. */
  readonly archiving?: boolean
}

/** `directory`: that of the cluster, with conf/, web/ and tmp/. `args`: main class and what follows it. */
export function javaCommand(hadoop: Hadoop, kind: Kind, directory: string, args: readonly string[]): string[] {
  const jars = readdirSync(hadoop.jars).sort().map((name) => join(hadoop.jars, name))
  // the jars come first: an archive is good for one beginning of the class path
  const classPath = [...jars, join(directory, 'conf'), join(directory, 'web')].join(':')
  return [
    'java',
    '-Xmx256m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    ...sharing(hadoop, kind),
    // without it each call of WebHDFS on Java 17 is answered 500
    '--add-opens=java.base/java.lang=ALL-UNNAMED',
    `-Djava.io.tmpdir=${join(directory, 'tmp')}`,
    `-Dlog.level=${kind === 'tool' ? 'WARN' : 'INFO'}`,
    '-cp',
    classPath,
    ...args,
  ]
}

function sharing({ archives, archiving }: Hadoop, kind: Kind): string[] {
  const archive = join(archives, `${kind}.jsa`)
  if (archiving) return [`-XX:ArchiveClassesAtExit=${archive}`]
  return existsSync(archive) ? ['-Xshare:auto', `-XX:SharedArchiveFile=${archive}`] : []
}
