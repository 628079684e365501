/** Clusters that live as long as a test. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Test } from 'tap'
import { layOut, type Cluster, type HdfsOptions } from './cluster.js'
import { layOutHa, type HaCluster } from './ha.js'
import { hadoop } from './hadoop.js'
import type { Hadoop } from './java.js'

/** One NameNode and its DataNodes, ready for use; they end with `t`. */
export async function startHdfs(t: Test, options: HdfsOptions = {}): Promise<Cluster> {
  return startFor(t, await layOut(await installed(), directoryOf(t), options))
}

/** Two NameNodes, nn1 active, and their DataNodes, ready for use; they end with `t`. */
export async function startHa(t: Test, options: HdfsOptions = {}): Promise<HaCluster> {
  return startFor(t, await layOutHa(await installed(), directoryOf(t), options))
}

async function startFor<C extends Cluster>(t: Test, cluster: C): Promise<C> {
  t.teardown(() => cluster.destroy())
  await cluster.start()
  return cluster
}

/** Throws where there is none: rules.ts asks before. */
async function installed(): Promise<Hadoop> {
  const found = await hadoop()
  if ('missing' in found) throw new Error(found.missing)
  return found
}

/** A fresh one beside the fixtures of `t`. */
function directoryOf(t: Test): string {
  mkdirSync(dirname(t.testdirName), { recursive: true })
  return mkdtempSync(`${t.testdirName}.hdfs-`)
}
