/** A real HDFS of its own on 127.0.0.1: NameNode and DataNodes as processes, which can be killed one by one. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { writeConf, type Properties } from './conf.js'
import { Daemon } from './daemon.js'
import { DATANODE, javaCommand, NAMENODE, type Hadoop } from './java.js'
import { reservePorts } from './ports.js'
import { run, type Ended } from './process.js'
import { ready } from './ready.js'

export interface HdfsOptions {
  /** Further properties of hdfs-site.xml; they win over those that the harness sets. */
  readonly properties?: Properties
  /** How many; 1 where nothing is said. */
  readonly datanodes?: number
}

/** Everything for a cluster of one NameNode, nothing of it started. */
export async function layOut(installed: Hadoop, directory: string, { properties = {}, datanodes = 1 }: HdfsOptions): Promise<Cluster> {
  const [rpc, http, ...rest] = await reservePorts(2 + 3 * datanodes)
  const core = { 'fs.defaultFS': `hdfs://127.0.0.1:${rpc}` }
  const hdfs = {
    'dfs.namenode.rpc-address': `127.0.0.1:${rpc}`,
    'dfs.namenode.http-address': `127.0.0.1:${http}`,
    'dfs.namenode.name.dir': pathToFileURL(join(directory, 'namenode')).href,
    ...properties,
  }
  const namenode = { name: 'namenode', rpc: rpc!, http: http!, args: [NAMENODE] }
  return new Cluster(installed, { directory, core, hdfs, namenodes: [namenode], datanodePorts: rest })
}

export interface NamenodePlan {
  readonly name: string
  readonly rpc: number
  readonly http: number
  /** Main class and arguments. */
  readonly args: readonly string[]
}

export interface Plan {
  readonly directory: string
  readonly core: Properties
  readonly hdfs: Properties
  readonly namenodes: readonly NamenodePlan[]
  /** Three for each. */
  readonly datanodePorts: readonly number[]
}

/** What every DataNode, and a cluster that is alone on a small machine, wants. */
const COMMON: Properties = {
  'dfs.datanode.hostname': '127.0.0.1',
  'dfs.replication': '1',
  'dfs.namenode.safemode.extension': '0',
  // with the usual 0.999 a NameNode that has few blocks serves before it knows where they are
  'dfs.namenode.safemode.threshold-pct': '1.0',
  'dfs.heartbeat.interval': '1',
  // the report of a block may come late; the pause of 400 ms that Hadoop then makes is most of the time of a small upload
  'dfs.client.block.write.locateFollowingBlock.initial.delay.ms': '10',
  'dfs.client.block.write.locateFollowingBlock.retries': '10',
}

export class Cluster {
  readonly directory: string
  /** For HADOOP_CONF_DIR. */
  readonly conf: string
  /** fs.defaultFS: hdfs://127.0.0.1:port, or hdfs://name where there are two NameNodes. */
  readonly uri: string
  readonly namenodes: readonly Daemon[]
  readonly datanodes: readonly Daemon[]
  readonly #hadoop: Hadoop
  readonly #plan: Plan

  constructor(installed: Hadoop, plan: Plan) {
    const { directory, core, hdfs, namenodes, datanodePorts } = plan
    this.#hadoop = installed
    this.#plan = plan
    this.directory = directory
    this.conf = join(directory, 'conf')
    this.uri = core['fs.defaultFS']!
    // Maven has the pages of their web servers in no jar, but they do not start without these
    for (const name of ['tmp', 'log', 'web/webapps/hdfs', 'web/webapps/datanode']) mkdirSync(join(directory, name), { recursive: true })
    writeConf(this.conf, { 'hadoop.tmp.dir': join(directory, 'tmp'), ...core }, { ...COMMON, ...hdfs })
    this.namenodes = namenodes.map((namenode) => this.#daemon(namenode.name, 'namenode', namenode.args, namenode.http, namenode.rpc))
    this.datanodes = Array.from({ length: datanodePorts.length / 3 }, (_, index) => {
      const [transfer, http, ipc] = datanodePorts.slice(3 * index) as [number, number, number]
      const own = {
        'dfs.datanode.address': `127.0.0.1:${transfer}`,
        'dfs.datanode.http.address': `127.0.0.1:${http}`,
        'dfs.datanode.ipc.address': `127.0.0.1:${ipc}`,
        'dfs.datanode.data.dir': pathToFileURL(join(directory, `datanode-${index}`)).href,
      }
      return this.#daemon(`datanode-${index}`, 'datanode', [DATANODE, ...defines(own)], http, transfer)
    })
  }

  /** The only NameNode, or the first. */
  get namenode(): Daemon {
    return this.namenodes[0]!
  }

  /** The first DataNode. */
  get datanode(): Daemon {
    return this.datanodes[0]!
  }

  /** Address of the first NameNode's web server: http://127.0.0.1:port. */
  get http(): string {
    return this.namenode.http
  }

  /** Formats the first NameNode and starts all daemons. */
  async start(): Promise<void> {
    await this.format()
    for (const daemon of [...this.namenodes, ...this.datanodes]) daemon.start()
    await this.ready()
  }

  async format(): Promise<void> {
    const { status, stderr } = await this.#run('namenode', [...this.#plan.namenodes[0]!.args, '-format', '-nonInteractive'], { ...this.#hadoop, archiving: false })
    if (status !== 0) throw new Error(`cannot format the NameNode:\n${stderr}`)
  }

  /** Waits until a file can be written to each running DataNode, and removed. */
  ready(): Promise<void> {
    return ready(this.namenodes, this.datanodes)
  }

  /** An orderly end of all daemons; start them one by one to go on with the same files. */
  async stop(): Promise<void> {
    await Promise.all([...this.datanodes, ...this.namenodes].map((daemon) => daemon.stop()))
  }

  /** Kills all daemons and removes their files. */
  async destroy(): Promise<void> {
    await Promise.all([...this.datanodes, ...this.namenodes].map((daemon) => daemon.kill()))
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** `hadoop fs`: fsShell('-text', '/a.seq'). */
  fsShell(...args: readonly string[]): Promise<Ended> {
    return this.tool('org.apache.hadoop.fs.FsShell', ...args)
  }

  /** `hdfs dfsadmin`: dfsAdmin('-safemode', 'enter'). */
  dfsAdmin(...args: readonly string[]): Promise<Ended> {
    return this.tool('org.apache.hadoop.hdfs.tools.DFSAdmin', ...args)
  }

  /** `hdfs fsck`: fsck('/', '-openforwrite'). */
  fsck(...args: readonly string[]): Promise<Ended> {
    return this.tool('org.apache.hadoop.hdfs.tools.DFSck', ...args)
  }

  /** Any main class of Hadoop. */
  tool(main: string, ...args: readonly string[]): Promise<Ended> {
    return this.#run('tool', [main, ...args], this.#hadoop)
  }

  /** A further directory for HADOOP_CONF_DIR, with other properties in hdfs-site.xml: the address of a proxy, say. */
  confWith(name: string, properties: Properties): string {
    const directory = join(this.directory, name)
    writeConf(directory, this.#plan.core, { ...COMMON, ...this.#plan.hdfs, ...properties })
    return directory
  }

  #run(kind: 'namenode' | 'tool', args: readonly string[], installed: Hadoop): Promise<Ended> {
    return run(javaCommand(installed, kind, this.directory, args), this.directory)
  }

  #daemon(name: string, kind: 'namenode' | 'datanode', args: readonly string[], http: number, port: number): Daemon {
    const command = javaCommand(this.#hadoop, kind, this.directory, args)
    return new Daemon({ name, command, directory: this.directory, log: join(this.directory, 'log', name), http: `http://127.0.0.1:${http}`, port })
  }
}

function defines(properties: Properties): string[] {
  return Object.entries(properties).map(([name, value]) => `-D${name}=${value}`)
}
