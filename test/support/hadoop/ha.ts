/** Two NameNodes, one of them active; they share their edits in a directory, and failover is by command. */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Cluster, type HdfsOptions } from './cluster.js'
import { NAMENODE, type Hadoop } from './java.js'
import { reservePorts } from './ports.js'
import { answering } from './ready.js'
import type { Properties } from './conf.js'

/** As Hadoop calls them, and as they stand in hdfs-site.xml. */
export type NamenodeId = 'nn1' | 'nn2'

const NAMENODES: readonly NamenodeId[] = ['nn1', 'nn2']
const HA_ADMIN = 'org.apache.hadoop.hdfs.tools.DFSHAAdmin'

/** `uri` is hdfs://ns, `namenodes` are nn1 and nn2. */
export class HaCluster extends Cluster {
  /** Starts all; nn1 is active. */
  override async start(): Promise<void> {
    await this.format()
    cpSync(join(this.directory, 'nn1'), join(this.directory, 'nn2'), { recursive: true })
    rmSync(join(this.directory, 'nn2', 'in_use.lock'), { force: true })
    for (const daemon of [...this.namenodes, ...this.datanodes]) daemon.start()
    await this.#admin('-transitionToActive', 'nn1')
    await this.ready()
  }

  /** An orderly one, both running. */
  failover(from: NamenodeId, to: NamenodeId): Promise<void> {
    return this.#admin('-failover', from, to)
  }

  /** After the other one was killed. */
  forceActive(namenode: NamenodeId): Promise<void> {
    return this.#admin('-transitionToActive', '--forceactive', namenode)
  }

  async #admin(...args: readonly string[]): Promise<void> {
    await answering(this.namenodes.filter((daemon) => daemon.running))
    const { status, stderr } = await this.tool(HA_ADMIN, ...args)
    if (status !== 0) throw new Error(`haadmin ${args.join(' ')}: ${status}\n${stderr}`)
  }
}

/** Everything for it, nothing of it started. */
export async function layOutHa(installed: Hadoop, directory: string, { properties = {}, datanodes = 1 }: HdfsOptions): Promise<HaCluster> {
  const ports = await reservePorts(4 + 3 * datanodes)
  const namenodes = NAMENODES.map((name, index) => ({
    name,
    rpc: ports[2 * index]!,
    http: ports[2 * index + 1]!,
    args: [NAMENODE, `-Ddfs.ha.namenode.id=${name}`],
  }))
  const hdfs: Record<string, string> = {
    'dfs.nameservices': 'ns',
    'dfs.ha.namenodes.ns': NAMENODES.join(','),
    'dfs.namenode.shared.edits.dir': pathToFileURL(join(directory, 'shared')).href,
    'dfs.client.failover.proxy.provider.ns': 'org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider',
    'dfs.ha.fencing.methods': 'shell(true)',
    'dfs.ha.automatic-failover.enabled': 'false',
    'dfs.ha.tail-edits.period': '1',
  }
  for (const { name, rpc, http } of namenodes) Object.assign(hdfs, addressesOf(directory, name, rpc, http))
  return new HaCluster(installed, { directory, core: { 'fs.defaultFS': 'hdfs://ns' }, hdfs: { ...hdfs, ...properties }, namenodes, datanodePorts: ports.slice(4) })
}

function addressesOf(directory: string, name: NamenodeId, rpc: number, http: number): Properties {
  return {
    [`dfs.namenode.rpc-address.ns.${name}`]: `127.0.0.1:${rpc}`,
    [`dfs.namenode.http-address.ns.${name}`]: `127.0.0.1:${http}`,
    [`dfs.namenode.name.dir.ns.${name}`]: pathToFileURL(join(directory, name)).href,
  }
}
