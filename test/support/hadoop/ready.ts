/**
 * Waits until a cluster works: a file can be written to each running DataNode and removed again. (The NameNode's own
 * figures over JMX are no sign: at times they come half a minute after it works.)
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Daemon } from './daemon.js'
import { request } from './http.js'
import { put, urlOf } from './webhdfs.js'

const READY_MS_MAX = 120_000
const PAUSE_MS = 50

/** Throws, with what the daemons said last, where one of them ends or nothing comes of it for two minutes. */
export async function ready(namenodes: readonly Daemon[], datanodes: readonly Daemon[]): Promise<void> {
  const running = [...namenodes, ...datanodes].filter((daemon) => daemon.running)
  const until = Date.now() + READY_MS_MAX
  let reason = 'nothing answers'
  const works = async (attempt: () => Promise<string | undefined>): Promise<void> => {
    for (;;) {
      const failure = await attempt().catch(String)
      if (failure === undefined) return
      reason = failure
      const dead = running.find((daemon) => !daemon.running)
      if (dead !== undefined) throw new Error(`${dead.options.name} has ended:\n${dead.lastWords()}`)
      if (Date.now() > until) throw new Error(`not ready: ${reason}\n${running.map((daemon) => daemon.lastWords()).join('\n')}`)
      await sleep(PAUSE_MS)
    }
  }
  await Promise.all(
    datanodes
      .filter((daemon) => daemon.running)
      .map((datanode) => works(() => firstOf(namenodes.filter((daemon) => daemon.running), (namenode) => writes(namenode, datanode, datanodes)))),
  )
}

/** The active NameNode is the one with which it works; else why it did not work with the last. */
async function firstOf(namenodes: readonly Daemon[], attempt: (namenode: Daemon) => Promise<string | undefined>): Promise<string | undefined> {
  let reason: string | undefined = 'no NameNode runs'
  for (const namenode of namenodes) {
    reason = await attempt(namenode)
    if (reason === undefined) return undefined
  }
  return reason
}

/** Why a file cannot be written to `datanode` and removed, if so. */
async function writes(namenode: Daemon, datanode: Daemon, datanodes: readonly Daemon[]): Promise<string | undefined> {
  const path = `/.ready-${randomUUID()}`
  const others = datanodes.filter((other) => other !== datanode).map((other) => `127.0.0.1:${other.options.port}`)
  const written = await put(namenode.http, path, 'x', { overwrite: 'true', excludedatanodes: others.join(',') })
  if (written.status !== 201) return `${written.status} ${written.body.toString()}`
  const removed = await request('DELETE', urlOf(namenode.http, path, 'DELETE'))
  return removed.status === 200 ? undefined : `${removed.status} ${removed.body.toString()}`
}
