/**
 * npm run bench -- hdfs: the same bytes onto a real HDFS of this machine, in turn by curl (one PUT of the whole file), by
 * Hadoop's own FsShell -put, and by the three stages from the log file to renamed files; what these leave is compared with the
 * file. Then small files, one for each event, in one directory that has 10,000 already: all of one batch, or a few.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { layOut, type Cluster } from '../support/hadoop/cluster.js'
import { hadoop } from '../support/hadoop/hadoop.js'
import { urlOf } from '../support/hadoop/webhdfs.js'
import { measure, type Line, type Measured } from './shell.js'
import { header, median, megabytes, row } from './table.js'

export interface HdfsBench {
  readonly directory: string
  readonly file: string
  readonly bytes: number
  readonly rounds: number
  /** How many small files. */
  readonly small: number
  readonly env: NodeJS.ProcessEnv
  /** ms */
  readonly runMax: number
  readonly allMax: number
}

/** Of others, in the directory that the small ones go to. */
const FILES_BEFORE = 10_000

const CURL = 'at=$(curl -sf -X PUT "$CREATE" | sed "s/.*\\"Location\\":\\"\\([^\\"]*\\)\\".*/\\1/"); curl -sf -T "$F" "$at"'
const FLUME = '"$BIN/flume-tail" --once "$F" | "$BIN/flume-buffer" "$D/q" | "$BIN/flume-sink-hdfs" --path /flume'
const SMALL = '"$BIN/flume-buffer" "$D/q" <"$D/small" | "$BIN/flume-sink-hdfs" --path /small --prefix "%{n}"'
const STAGES = new Map(['buffer', 'sink-hdfs'].map((name) => [`flume-${name}`, name]))

export async function benchHdfs({ directory, file, bytes, rounds, small, env, runMax, allMax }: HdfsBench): Promise<void> {
  const found = await hadoop()
  if ('missing' in found) throw new Error(`no real HDFS: ${found.missing}`)
  const cluster = await layOut(found, join(directory, 'hdfs'), {})
  try {
    await cluster.start()
    const put = ['java', '-cp', `${found.jars}/*:${cluster.conf}`, 'org.apache.hadoop.fs.FsShell', '-put', file, '/put'].map((word) => `'${word}'`).join(' ')
    const around = { ...env, HADOOP_CONF_DIR: cluster.conf, CREATE: urlOf(cluster.http, '/curl', 'CREATE', { noredirect: 'true' }) }
    const once: Once = async (script, before) => {
      for (const name of ['q', 'home', 'state']) rmSync(join(directory, name), { recursive: true, force: true })
      mkdirSync(join(directory, 'home'))
      await cluster.fsShell('-rm', '-r', '-f', '-skipTrash', '/curl', '/put', '/flume', '/small')
      await before?.()
      execFileSync('sync')
      const line: Line = { script, stages: STAGES, env: around, timeout: runMax, proportional: false }
      return await measure(line)
    }
    if (small > 0) await benchSmall(cluster, directory, small, once)
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
  } finally {
    await cluster.destroy()
  }
}

type Once = (script: string, before?: () => Promise<void>) => Promise<Measured>

async function benchSmall(cluster: Cluster, directory: string, files: number, once: Once): Promise<void> {
  const events = Array.from({ length: files }, (_, n) => `${JSON.stringify({ headers: { n: String(n) }, body: 'x' })}\n`)
  writeFileSync(join(directory, 'small'), events.join(''))
  const { wall, stages } = await once(SMALL, async () => {
    await cluster.fsShell('-mkdir', '/small')
    await cluster.fsShell('-touchz', ...Array.from({ length: FILES_BEFORE }, (_, n) => `/small/before.${n}`))
  })
  const { cpu, peak } = stages.get('sink-hdfs')!
  const figures = `${wall.toFixed(1)} s, ${(files / wall).toFixed(0)} a second; flume-sink-hdfs ${cpu.toFixed(1)} cpu s, ${megabytes(peak)} MB at most`
  console.log(`${files} files of one event in a directory with ${FILES_BEFORE} others: ${figures}`)
}

async function compare(cluster: Cluster, file: string, directory: string): Promise<void> {
  const copy = join(directory, 'copy')
  const { status, stderr } = await cluster.fsShell('-getmerge', '/flume', copy)
  if (status !== 0) throw new Error(stderr)
  execFileSync('cmp', [resolve(file), copy], { stdio: 'inherit' })
  rmSync(copy)
}
