/** All stages that run on this machine, as far as this user may see them. Whoever does not answer holds nothing up. */
import * as net from 'node:net'
import { listStatSockets, removeSocket } from '../disk/sockets.js'
import { isStopped, listStages, pipesOf } from '../disk/stages.js'
import { errnoOf } from '../errors.js'
import type { Clock } from '../events/flow.js'
import { decodeReport, REPORT_SIZE_MAX, type StageStat } from './report.js'

/** A stage that has a socket and says nothing. */
export interface Silent {
  readonly command: string
  readonly pid: number
  readonly uid: number
  /** As of a stage that answers. */
  readonly input?: string
  readonly output?: string
  /** By a signal. */
  readonly stopped: boolean
}

export interface Answers {
  readonly stages: readonly StageStat[]
  readonly silent: readonly Silent[]
  /** Processes of flume that belong to others. */
  readonly hidden: number
  /** Of those that say nothing, so many are left out, as nobody knows what they are about. */
  readonly unknown?: number
}

/** Waits at most `patience` ms. Sockets whose owner is gone are removed. */
export async function askAll(uid: number, patience: number, clock: Clock): Promise<Answers> {
  const programs = new Map(listStages().map((one) => [one.pid, one]))
  const answers = await Promise.all(
    listStatSockets(uid).map(async (socket) => ({ ...socket, answer: await ask(socket.path, patience, clock) })),
  )
  const stages = answers.flatMap(({ answer, uid, pid }) => (typeof answer === 'object' ? [{ ...answer, uid, pid }] : []))
  const silent = answers.flatMap(({ answer, pid, uid }): Silent[] => {
    if (answer !== 'silent') return []
    return [{ command: programs.get(pid)?.command ?? 'flume', pid, uid, stopped: isStopped(pid), ...pipesOf(pid) }]
  })
  const hidden = uid === 0 ? 0 : [...programs.values()].filter((one) => one.uid !== uid).length
  return { stages: stages.sort((a, b) => a.started - b.started || a.pid - b.pid), silent, hidden }
}

async function ask(path: string, patience: number, clock: Clock): Promise<StageStat | 'silent' | 'gone'> {
  const over = new AbortController()
  const socket = net.connect(path)
  let text = ''
  try {
    return await Promise.race([
      new Promise<StageStat | 'silent' | 'gone'>((resolve) => {
        socket.setEncoding('utf8').on('data', (piece: string) => {
          text += piece
          if (text.length > REPORT_SIZE_MAX) resolve('gone')
        })
        socket.once('error', (error) => {
          if (errnoOf(error) === 'ECONNREFUSED') removeSocket(path)
          resolve('gone')
        })
        socket.once('end', () => resolve(decodeReport(text) ?? 'gone'))
      }),
      clock.sleep(patience, over.signal).then(() => 'silent' as const),
    ])
  } finally {
    over.abort()
    socket.destroy()
  }
}
