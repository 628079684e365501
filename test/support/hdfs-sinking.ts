/** The sink on a real HDFS within the process of a test: one that can be killed, and what it has left in HDFS. */
import { userInfo } from 'node:os'
import type { Disk } from '../../src/disk/disk.js'
import type { Batch } from '../../src/events/batch.js'
import { systemClock, type Clock } from '../../src/events/flow.js'
import type { SinkOptions } from '../../src/sinks/hdfs/sink.js'
import { webHdfs, type WebHdfsOptions } from '../../src/sinks/hdfs/webhdfs/filesystem.js'
import { request } from './hadoop/http.js'
import { get, urlOf } from './hadoop/webhdfs.js'
import { MemoryDisk } from './memory-disk.js'
import { anyBucket, optionsOf, Sinking } from './sinking.js'

/** Paths of the tests' HDFS begin with it. */
export const URI = 'hdfs://test'

export interface HdfsSinkingOptions extends Partial<SinkOptions>, Partial<Pick<WebHdfsOptions, 'uploads' | 'timeout' | 'verify' | 'followFrom'>> {
  /** `http://host:port` of NameNodes, or of proxies in front of them. */
  readonly namenodes: readonly string[]
  /** Below URI. */
  readonly path: string
  readonly user?: string
  readonly create?: Readonly<Record<string, string>>
  /** Where the records are, and the files on their way; a fresh one where nothing is said. */
  readonly disk?: Disk
  readonly clock?: Clock
}

/** A sink that writes to HDFS. */
export function hdfsSinking(options: HdfsSinkingOptions, batches: Iterable<Batch> | AsyncIterable<Batch>, stop?: AbortController): Sinking {
  const { namenodes, path, user = userInfo().username, create = {}, disk = new MemoryDisk().boot(), clock = hastyClock, ...more } = options
  const { uploads = 2, timeout = 20_000, verify = false, followFrom = Infinity, ...sinkOptions } = more
  const cluster = { uri: URI, nameNodes: namenodes, user, create }
  const all = optionsOf('', { spool: '/spool', ...sinkOptions, path: `${URI}${path}` })
  return new Sinking(all, batches, disk, clock, stop, (retry, onProgress) => webHdfs({ cluster, spool: '/spool', uploads, timeout, verify, followFrom }, { disk, retry, onProgress }))
}

/** Pauses between two attempts are short. */
export const hastyClock: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  sleep: (ms, stop) => systemClock.sleep(ms > 5000 ? ms : ms / 50, stop),
}

/** A process as far as the sink sees one: killed, none of its calls ever comes back, and its locks are gone. */
export class Mortal implements Clock {
  /** Resolves when it is. */
  readonly dead: Promise<undefined>
  readonly disk: Disk
  readonly #death = new AbortController()
  #die: () => void = () => undefined

  constructor(readonly memory: MemoryDisk) {
    this.disk = memory.boot()
    this.dead = new Promise((resolve) => (this.#die = () => resolve(undefined)))
  }

  now(): number {
    return hastyClock.now()
  }

  monotonic(): number {
    return hastyClock.monotonic()
  }

  async sleep(ms: number, stop?: AbortSignal): Promise<void> {
    const { signal } = this.#death
    await hastyClock.sleep(ms, stop === undefined ? signal : AbortSignal.any([stop, signal]))
    if (signal.aborted) await new Promise(() => undefined)
  }

  kill(): void {
    this.#death.abort()
    this.memory.kill()
    this.#die()
  }
}

/** Every file below a directory of HDFS with its text, by path from there. */
export async function hdfsBelow(http: string, directory: string): Promise<Record<string, string>> {
  const files: [string, string][] = []
  const walk = async (path: string, name: string): Promise<void> => {
    for (const { pathSuffix, type } of await statusesIn(http, path)) {
      const [child, below] = [`${path}/${pathSuffix}`, name === '' ? pathSuffix : `${name}/${pathSuffix}`]
      if (type === 'DIRECTORY') await walk(child, below)
      else files.push([anyBucket(below), (await get(http, child)).body.toString()])
    }
  }
  await walk(directory, '')
  return Object.fromEntries(files)
}

interface Status {
  readonly pathSuffix: string
  readonly type: 'FILE' | 'DIRECTORY'
  readonly length: number
  readonly fileId: number
}

/** What is in a directory of HDFS; nothing where there is none. */
export async function statusesIn(http: string, directory: string): Promise<readonly Status[]> {
  const { status, body } = await request('GET', urlOf(http, directory, 'LISTSTATUS'))
  if (status === 404) return []
  return (JSON.parse(body.toString()) as { FileStatuses: { FileStatus: Status[] } }).FileStatuses.FileStatus
}
