/**
 * npm run bench -- hdfs: the same bytes onto a real HDFS of this machine, in turn by curl (one PUT of the whole file), by
 * Hadoop's own FsShell -put, and by the three stages from the log file to renamed files; what these leave is compared with the
 * file. Then small files: one for each event.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { layOut, type Cluster } from '../support/hadoop/cluster.js'
import { hadoop } from '../support/hadoop/hadoop.js'
import { urlOf } from '../support/hadoop/webhdfs.js'
import { measure, type Line, type Measured } from './shell.js'
import { header, median, row } from './table.js'

export interface HdfsBench {
  readonly directory: string
  readonly file: string
  readonly bytes: number
  readonly rounds: number
  readonly env: NodeJS.ProcessEnv
  /** ms */
  readonly runMax: number
  readonly allMax: number
}

const SMALL_FILES = 300

const CURL = 'at=$(curl -sf -X PUT "$CREATE" | sed "s/.*\\"Location\\":\\"\\([^\\"]*\\)\\".*/\\1/"); curl -sf -T "$F" "$at"'
const FLUME = '"$BIN/flume-tail" --once "$F" | "$BIN/flume-buffer" "$D/q" | "$BIN/flume-sink-hdfs" --path /flume'
const SMALL = '"$BIN/flume-buffer" "$D/q" <"$D/small" | "$BIN/flume-sink-hdfs" --path "/small/%{n}"'

export async function benchHdfs({ directory, file, bytes, rounds, env, runMax, allMax }: HdfsBench): Promise<void> {
  const found = await hadoop()
  if ('missing' in found) throw new Error(`no real HDFS: ${found.missing}`)
  const cluster = await layOut(found, join(directory, 'hdfs'), {})
  try {
    await cluster.start()
    const put = ['java', '-cp', `${found.jars}/*:${cluster.conf}`, 'org.apache.hadoop.fs.FsShell', '-put', file, '/put'].map((word) => `'${word}'`).join(' ')
    const around = { ...env, HADOOP_CONF_DIR: cluster.conf, CREATE: urlOf(cluster.http, '/curl', 'CREATE', { noredirect: 'true' }) }
    const once = async (script: string): Promise<Measured> => {
      for (const name of ['q', 'home', 'state']) rmSync(join(directory, name), { recursive: true, force: true })
      mkdirSync(join(directory, 'home'))
      await cluster.fsShell('-rm', '-r', '-f', '-skipTrash', '/curl', '/put', '/flume', '/small')
      execFileSync('sync')
      const line: Line = { script, stages: new Map(), env: around, timeout: runMax, proportional: false }
      return await measure(line)
    }
    const runs: Record<string, Measured[]> = { curl: [], FsShell: [], flume: [] }
    const end = Date.now() + allMax
    for (let round = 0; round < rounds && Date.now() < end; round++) {
      runs['curl']!.push(await once(CURL))
      runs['FsShell']!.push(await once(put))
      runs['flume']!.push(await once(FLUME))
      await compare(cluster, file, directory)
    }
    console.log(header(runs['flume']!.length))
    for (const [name, measured] of Object.entries(runs)) console.log(row(name, measured, bytes))
    const wall = (name: string): number => median(runs[name]!.map((run) => run.wall))
    console.log(`flume takes ${(wall('flume') / wall('curl')).toFixed(2)} × the time of curl (cpu s without those of HDFS)`)
    const events = Array.from({ length: SMALL_FILES }, (_, n) => `${JSON.stringify({ headers: { n: String(n) }, body: 'x' })}\n`)
    writeFileSync(join(directory, 'small'), events.join(''))
    const { wall: seconds } = await once(SMALL)
    console.log(`${SMALL_FILES} files of one event: ${seconds.toFixed(2)} s, ${(SMALL_FILES / seconds).toFixed(0)} a second with the start`)
  } finally {
    await cluster.destroy()
  }
}

async function compare(cluster: Cluster, file: string, directory: string): Promise<void> {
  const copy = join(directory, 'copy')
  const { status, stderr } = await cluster.fsShell('-getmerge', '/flume', copy)
  if (status !== 0) throw new Error(stderr)
  execFileSync('cmp', [resolve(file), copy], { stdio: 'inherit' })
  rmSync(copy)
}
