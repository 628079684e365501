/**
 * npm run bench -- start: how long until a queue takes events, whatever lies in it: an empty one, and one of 10 and of 50 GB, made of
 * sparse segments, each with the last segment just begun and, the worst case, full; two of them with --size-max
 * too, which looks at the size of each segment once. In turn, several rounds; beside them a node that does nothing: the floor. What is measured is the whole command, to its end, with one event put.
 */
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { Queue } from '../../src/channel/channel.js'
import { nodeDisk } from '../../src/disk/node.js'
import { batchOf } from '../../src/events/batch.js'
import { systemClock } from '../../src/events/flow.js'
import { putAll } from '../support/queue.js'
import { cell, median } from './table.js'

export interface Starts {
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
  readonly bin: string
  readonly rounds: number
}

const SEGMENT_BYTES = 64 * 1024 * 1024
/** What the last segment holds where it is full, in batches of 1 MiB. */
const FULL = 60
const LINE = Buffer.from(`{"headers":{},"body":"${'x'.repeat(177)}"}\n`)

export async function benchStart({ directory, env, bin, rounds }: Starts): Promise<void> {
  const queues = [['empty', 0, 0], ['full segment', 0, FULL], ['10 GB', 160, 0], ['50 GB', 800, 0], ['50 GB, full', 800, FULL]] as const
  for (const [name, segments, batches] of queues) await makeQueue(join(directory, name), segments, batches)
  const times = new Map<string, number[]>()
  const time = (name: string, command: string, args: readonly string[]): void => {
    const start = performance.now()
    execFileSync(command, args, { env, input: LINE, stdio: ['pipe', 'ignore', 'inherit'] })
    times.set(name, [...(times.get(name) ?? []), performance.now() - start])
  }
  for (let round = 0; round < rounds; round++) {
    time('node', process.execPath, ['-e', '0'])
    for (const [name] of queues) time(name, join(bin, 'flume-buffer'), ['--put', join(directory, name)])
    for (const name of ['empty', '50 GB']) time(`${name}, size`, join(bin, 'flume-buffer'), ['--size-max', '100G', '--put', join(directory, name)])
  }
  console.log(`${`${rounds} rounds`.padEnd(16)}${['best ms', 'median ms'].map((text) => cell(text)).join('')}`)
  for (const [name, all] of times) console.log(`${name.padEnd(16)}${cell(Math.min(...all).toFixed(0))}${cell(median(all).toFixed(0))}`)
}

async function makeQueue(path: string, segments: number, batches: number): Promise<void> {
  const around = { disk: nodeDisk, clock: systemClock, pid: process.pid, say: () => undefined, uuid: randomUUID }
  const queue = await Queue.open(path, around, { create: true })
  const one = batchOf(LINE, 1, null)
  const small = await queue.openPut({ segmentBytesMax: LINE.length, freeMin: 0 })
  await putAll(small, Array.from({ length: segments + 1 }, () => one))
  await small.close()
  const names = readdirSync(join(path, 'segments')).sort()
  for (const name of names.slice(0, -1)) truncateSync(join(path, 'segments', name), SEGMENT_BYTES)
  const count = Math.floor((1024 * 1024) / LINE.length)
  const large = batchOf(Buffer.alloc(count * LINE.length, LINE), count, null)
  const last = await queue.openPut({ freeMin: 0 })
  await putAll(last, Array.from({ length: batches }, () => large))
  await last.close()
}
