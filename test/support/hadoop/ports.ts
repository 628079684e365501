/**
 * Ports for daemons that come back on the same ones after a kill. They lie below those that the kernel gives out, so that
 * no connection takes one meanwhile, and are kept among the tests of this machine by a socket of that name, which goes
 * with this process.
 */
import { randomInt } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'

const FIRST = 10_000

export async function reservePorts(count: number): Promise<number[]> {
  const end = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/)[0])
  const past = end > FIRST + 1000 ? end : 32_768
  const ports: number[] = []
  while (ports.length < count) {
    const port = randomInt(FIRST, past)
    if ((await isFree(port)) && (await keep(port))) ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen({ port, host: '127.0.0.1' })
  if (server === undefined) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

async function keep(port: number): Promise<boolean> {
  const server = await listen({ path: `\0flume-test-port-${port}` })
  server?.unref()
  return server !== undefined
}

/** Undefined where somebody else does. */
function listen(where: { port: number; host: string } | { path: string }): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen(where, () => resolve(server))
  })
}
