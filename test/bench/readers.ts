/**
 * npm run bench -- readers: a queue is read while it is filled, from memory; then all of it from disk, by one reader, by two and by
 * twenty at once, each under a name of its own. What they are given goes to cat.
 */
import { join } from 'node:path'
import { rmSync } from 'node:fs'
import { measure, type Measured } from './shell.js'
import { cell, megabytes } from './table.js'

export interface Readers {
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
  /** Of the log; what is in the queue is 1.4 times as much. */
  readonly bytes: number
  readonly runMax: number
}

const EVENTS = '"$D/events"'
const READ = '"$BIN/flume-buffer" --take --once --reader'

export async function benchReaders({ directory, env, bytes, runMax }: Readers): Promise<void> {
  const run = (script: string): Promise<Measured> => measure({ script, env, timeout: runMax, stages: new Map(), proportional: false })
  const queue = join(directory, 'q')
  await run(`"$BIN/flume-tail" --once "$F" 2> /dev/null > ${EVENTS}; rm "$F"`)
  const row = (name: string, each: number, { wall, cpu }: Measured, beside: number): void => {
    const cells = [wall.toFixed(2), megabytes(bytes / wall), megabytes((each * bytes) / wall), cpu.toFixed(2), `${((100 * beside) / wall).toFixed(0)} %`]
    console.log(name.padEnd(22) + cells.map((text) => cell(text)).join(''))
  }
  console.log(`${''.padEnd(22)}${['s', 'MB/s each', 'MB/s all', 'cpu s', 'speed'].map((text) => cell(text)).join('')}`)
  const handed = await run(`cat ${EVENTS} | "$BIN/flume-buffer" "$D/q" 2> /dev/null | cat > /dev/null`)
  row('put, and handed over', 1, handed, handed.wall)
  await run(`rm ${EVENTS}; sync`)
  let one = handed
  for (const count of [1, 2, 20]) {
    const readers = await run(`for n in $(seq ${count}); do ${READ} r$n "$D/q" < /dev/null 2> /dev/null | cat > /dev/null & done; wait`)
    if (count === 1) one = readers
    row(`${count} from disk`, count, readers, count === 1 ? handed.wall : one.wall)
  }
  console.log('speed: that of one reader beside the hand-over, that of each of several beside one alone')
  rmSync(queue, { recursive: true })
}
