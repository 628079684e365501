/**
 * Waits until a cluster works: a file can be written to each running DataNode and removed again. (The NameNode's own
 * figures over JMX are no sign: at times they come half a minute after it works.)
 */
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Daemon } from './daemon.js'
import { request } from './http.js'
import { put, urlOf } from './webhdfs.js'

const READY_MS_MAX = 120_000
const PAUSE_MS = 50

/** Throws, with what the daemons said last, where one of them ends or nothing comes of it for two minutes. */
export async function ready(namenodes: readonly Daemon[], datanodes: readonly Daemon[]): Promise<void> {
  const masters = namenodes.filter((daemon) => daemon.running)
  const workers = datanodes.filter((daemon) => daemon.running)
  await answering(masters)
  const attempts = workers.map((worker) => () => firstOf(masters, (master) => writes(master, worker, datanodes)))
  await Promise.all(attempts.map((attempt) => until(attempt, [...masters, ...workers])))
}

/** Waits until these take connections from other programs of Hadoop; throws as ready() does. */
export async function answering(daemons: readonly Daemon[]): Promise<void> {
  await Promise.all(daemons.map((daemon) => until(() => refusal(daemon), [daemon])))
}

/** Calls `attempt` until it gives no reason why it failed. */
async function until(attempt: () => Promise<string | undefined>, needed: readonly Daemon[]): Promise<void> {
  const end = Date.now() + READY_MS_MAX
  for (;;) {
    const reason = await attempt().catch(String)
    if (reason === undefined) return
    const dead = needed.find((daemon) => !daemon.running)
    if (dead !== undefined) throw new Error(`${dead.options.name} has ended:\n${dead.lastWords()}`)
    if (Date.now() > end) throw new Error([`not ready: ${reason}`, ...needed.map((daemon) => daemon.lastWords())].join('\n'))
    await sleep(PAUSE_MS)
  }
}

function refusal({ options }: Daemon): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(options.port, '127.0.0.1')
    socket.on('error', (error) => resolve(String(error)))
    socket.on('connect', () => {
      socket.destroy()
      resolve(undefined)
    })
  })
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
