/**
 * npm run bench -- compress FILE...: what --compress makes of real logs. Each FILE over and over is put into a queue of its own; then
 * its segments are compressed, and all of it is exported, before and after; beside gzip -1 and -6 on the same events in turn.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { writeSample } from './lines.js'
import { cell, median, megabytes } from './table.js'

export interface Compressing {
  readonly directory: string
  readonly env: NodeJS.ProcessEnv
  readonly bytes: number
  readonly rounds: number
}

const COLUMNS = ['events MB', 'times', 'MB/s', 'export', 'then MB/s', 'gzip -1', 'MB/s', 'gzip -6', 'MB/s']

export async function benchCompress(files: readonly string[], { directory, env, bytes, rounds }: Compressing): Promise<void> {
  console.log(`${`${rounds} rounds`.padEnd(16)}${COLUMNS.map((text) => cell(text)).join('')}`)
  for (const file of files.length === 0 ? [undefined] : files) {
    await writeSample(join(directory, 'input.log'), bytes, file)
    const all = Array.from({ length: rounds }, () => roundOf(directory, env))
    const of = (value: (round: Round) => number): number => median(all.map(value))
    const cells = [
      megabytes(of((round) => round.events)), of((round) => round.ratio).toFixed(1), ...['compress', 'plain', 'packed'].map((what) => of((round) => round.speed[what]!).toFixed(0)),
      ...['1', '6'].flatMap((level) => [of((round) => round.gzip[level]!).toFixed(1), of((round) => round.speed[`gzip${level}`]!).toFixed(0)]),
    ]
    console.log(`${basename(file ?? 'invented').padEnd(16)}${cells.map((text) => cell(text)).join('')}`)
  }
}

interface Round {
  /** Bytes of events in the segments that were compressed. */
  readonly events: number
  readonly ratio: number
  /** MB/s of what there was before. */
  readonly speed: Record<string, number>
  readonly gzip: Record<string, number>
}

function roundOf(directory: string, env: NodeJS.ProcessEnv): Round {
  const run = (script: string): number => {
    const start = performance.now()
    execFileSync('bash', ['-c', script], { env, stdio: ['ignore', 'ignore', 'ignore'] })
    return (performance.now() - start) / 1000
  }
  rmSync(join(directory, 'q'), { recursive: true, force: true })
  run('"$BIN/flume-tail" --once "$F" | "$BIN/flume-buffer" --put --size-max 100G "$D/q"; "$BIN/flume-buffer" --export "$D/q" >"$D/out"')
  const [before, events] = [sealedBytes(directory), statSync(join(directory, 'out')).size]
  const exporting = '"$BIN/flume-buffer" --export "$D/q" >"$D/out"'
  const plain = events / run(exporting) / 1e6
  const compress = before / run('"$BIN/flume-buffer" --compress "$D/q" --stat </dev/null') / 1e6
  const packed = events / run(exporting) / 1e6
  const speed: Record<string, number> = { plain, compress, packed }
  const gzip: Record<string, number> = {}
  for (const level of ['1', '6']) {
    speed[`gzip${level}`] = events / run(`gzip -${level} <"$D/out" >"$D/out.gz"`) / 1e6
    gzip[level] = events / statSync(join(directory, 'out.gz')).size
  }
  return { events, ratio: before / sealedBytes(directory), speed, gzip }
}

/** Of all segments but the last. */
function sealedBytes(directory: string): number {
  const segments = readdirSync(join(directory, 'q/segments')).sort().slice(0, -1)
  return segments.reduce((sum, name) => sum + statSync(join(directory, 'q/segments', name)).size, 0)
}
