/** GET /metrics over HTTP, for a Prometheus on the same machine. */
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import { FlumeError } from '../errors.js'

/** Until `stop`. `told` gets the address, with the port that was found where 0 was asked for. Throws UNAVAILABLE. */
export async function listenForScrapes(
  address: string, port: number, metrics: () => Promise<string>, told: (url: string) => void, stop: AbortSignal,
): Promise<void> {
  const server = http.createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/metrics') return void response.writeHead(404).end('metrics are at /metrics\n')
    if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
    metrics().then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      (error: unknown) => response.writeHead(500).end(`${String(error)}\n`),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new FlumeError('UNAVAILABLE', `cannot listen on ${address}:${port}`, { cause })))
    server.listen(port, address, resolve)
  })
  server.on('error', () => undefined) // one that cannot be accepted comes again
  const bound = server.address() as AddressInfo
  told(`http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}/metrics`)
  await new Promise<void>((resolve) => {
    if (stop.aborted) resolve()
    else stop.addEventListener('abort', () => resolve(), { once: true })
  })
  server.close()
  server.closeAllConnections()
}
