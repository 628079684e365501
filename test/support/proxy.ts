/**
 * A proxy between a sink and HDFS that records each request and, told so, harms one. It replaces the addresses of
 * DataNodes in the answers of the NameNode, so that uploads go through it too. Bytes are passed on as they are, the
 * unasked 100 of a DataNode with them; to the server each request has a connection of its own. Known gap: an answer that
 * comes in the middle of a long body is lost where the next write of that body fails before it is read; a client without
 * a proxy meets that too, only less often.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'
import { exchange } from './exchange.js'
import type { Fault } from './faults.js'
import { Wire, type Head } from './wire.js'

export interface ProxiedRequest {
  /** In the order of their heads, over all servers. */
  readonly index: number
  readonly to: 'namenode' | 'datanode'
  readonly method: string
  /** CREATE, RENAME, …; '' for what is not WebHDFS. */
  readonly op: string
  /** In HDFS, decoded. */
  readonly path: string
  readonly parameters: URLSearchParams
  /** Bytes of the body that came. */
  size: number
  /** The server's answer, if there was one. */
  status: number | undefined
  fault: Fault | undefined
}

type Which = number | ((request: ProxiedRequest) => boolean)

/** A fault that is in wait for its request. */
export class Injection {
  /** The request that it met, once all is done to it; of `delay`: once the answer is here; of `pause`: once half of it is through. */
  readonly struck: Promise<ProxiedRequest>
  readonly released: Promise<void>
  /** Tells that it has met its request. */
  strike!: (request: ProxiedRequest) => void
  /** Lets go what is held. */
  release!: () => void

  constructor(readonly fault: Fault, readonly which: Which, public left: number) {
    this.struck = new Promise((resolve) => (this.strike = resolve))
    this.released = new Promise((resolve) => (this.release = resolve))
  }

  meets(request: ProxiedRequest): boolean {
    return this.left > 0 && (typeof this.which === 'number' ? this.which === request.index : this.which(request))
  }
}

/** In front of NameNodes at `http://host:port`; ends with `t`. */
export async function startProxy(t: Test, ...namenodes: readonly string[]): Promise<HdfsProxy> {
  const proxy = new HdfsProxy()
  t.teardown(() => proxy.close())
  for (const address of namenodes) await proxy.add(address)
  return proxy
}

export class HdfsProxy {
  /** All so far. */
  readonly requests: ProxiedRequest[] = []
  /** Where clients find the NameNodes, in the order given. */
  readonly namenodes: string[] = []
  readonly #injections: Injection[] = []
  readonly #datanodes = new Map<string, Promise<string>>()
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  /** Those of them that are connections from clients. */
  readonly #clients = new Set<Socket>()
  /** Ends once a client is served. */
  readonly #serving = new Set<Promise<void>>()

  /** The first NameNode, through the proxy. */
  get http(): string {
    return this.namenodes[0]!
  }

  async add(namenode: string): Promise<void> {
    this.namenodes.push(await this.#listen(namenode, 'namenode'))
  }

  /** Harms the request with that index, or the first `times` that it is true of. */
  inject(fault: Fault, which: Which, times = 1): Injection {
    const injection = new Injection(fault, which, times)
    this.#injections.push(injection)
    return injection
  }

  /** As if the client had died: its connections end. On return the servers have done what they will do of what had left it. */
  async end(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    for (const { release } of this.#injections) release()
    await Promise.all(this.#serving)
    await this.close()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }

  async #listen(address: string, to: ProxiedRequest['to']): Promise<string> {
    const server = createServer((socket) => {
      this.#clients.add(socket)
      socket.on('close', () => this.#clients.delete(socket))
      const serving = this.#serve(this.#keep(socket), new URL(address), to).finally(() => this.#serving.delete(serving))
      this.#serving.add(serving)
    })
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  async #serve(socket: Socket, { hostname, port }: URL, to: ProxiedRequest['to']): Promise<void> {
    const client = new Wire(socket)
    for (let goesOn = true; goesOn; ) {
      const head = await client.head()
      if (head === undefined) break
      const request = this.#record(head, to)
      const injection = this.#next(request)
      goesOn = await exchange(
        {
          client,
          head,
          open: () => this.#keep(connect(Number(port), hostname)),
          front: (address) => this.#front(address),
          count: (size) => void (request.size += size),
          answered: (status) => void (request.status = status),
          hold: () => {
            injection?.strike(request)
            return injection?.released ?? Promise.resolve()
          },
        },
        injection?.fault,
      )
      injection?.strike(request)
    }
    socket.destroy()
  }

  #record({ start: [method, target] }: Head, to: ProxiedRequest['to']): ProxiedRequest {
    const { pathname, searchParams } = new URL(target!, 'http://proxy')
    const request = {
      index: this.requests.length,
      to,
      method: method!,
      op: searchParams.get('op') ?? '',
      path: decodeURIComponent(pathname.replace(/^\/webhdfs\/v1/, '')),
      parameters: searchParams,
      size: 0,
      status: undefined,
      fault: undefined,
    }
    this.requests.push(request)
    return request
  }

  #next(request: ProxiedRequest): Injection | undefined {
    const injection = this.#injections.find((each) => each.meets(request))
    if (injection === undefined) return undefined
    injection.left--
    request.fault = injection.fault
    return injection
  }

  /** One listener for each DataNode, from its first appearance on. */
  #front(address: string): Promise<string> {
    const known = this.#datanodes.get(address)
    if (known !== undefined) return known
    const front = this.#listen(address, 'datanode')
    this.#datanodes.set(address, front)
    return front
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    return socket
  }
}
