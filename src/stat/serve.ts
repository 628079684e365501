/** The stat socket of a stage: whoever connects is told how it stands, once. Costs nothing while nobody asks. */
import * as net from 'node:net'
import { prepareStatSocket, removeSocket } from '../disk/sockets.js'
import { encodeReport, type StageStat } from './report.js'

/** Until the returned function is called. Keeps nothing alive. Throws where the directory is not to be trusted. */
export async function serveStat(pid: number, uid: number, now: number, report: () => Promise<StageStat>): Promise<() => void> {
  const path = prepareStatSocket(pid, uid, now)
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.unref()
    report().then(
      (stat) => socket.end(encodeReport(stat)),
      () => socket.destroy(), // it is about to end
    )
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  server.unref().on('error', () => undefined)
  return () => {
    removeSocket(path)
    server.close()
  }
}
