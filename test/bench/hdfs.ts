/**
 * npm run bench -- hdfs: the same bytes onto a real HDFS of this machine, in turn by curl (one PUT of the whole file), by cat and
 * curl (one PUT from a pipe), by Hadoop's own FsShell -put, and by the three stages from the log file to renamed files; what
 * these leave is compared with the file. Beside them the stages onto the disk of this machine, without HDFS, and what --beside
 * COMMAND writes, from a pipe by curl: another program's way from $F. Then small files, one for each event, in one directory
 * that has 10,000 already: all of one batch, or a few. With --roll what memory the sink takes at that size of its files.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { layOut, type Cluster } from '../support/hadoop/cluster.js'
import { hadoop } from '../support/hadoop/hadoop.js'
import { urlOf } from '../support/hadoop/webhdfs.js'
import { cpuOf, measure, type Line, type Measured } from './shell.js'
import { cell, header, median, megabytes, row } from './table.js'

export interface HdfsBench {
  readonly directory: string
  readonly file: string
  readonly bytes: number
  readonly rounds: number
  /** How many small files. */
  readonly small: number
  /** For each: the small files with so many --uploads; 0: as many as without that option. */
  readonly uploads: readonly number[]
  /** DataNodes as they come, not with the settings of the tests: each small file takes them 420 ms. */
  readonly stock: boolean
  /** For each: once more, with such --roll-bytes. */
  readonly rolls: readonly string[]
  /** A command for bash that writes to its standard output; its bytes are not looked at. */
  readonly beside: string | undefined
  readonly env: NodeJS.ProcessEnv
  /** ms */
  readonly runMax: number
  readonly allMax: number
}

/** Of others, in the directory that the small ones go to. */
const FILES_BEFORE = 10_000

const LOCATION = 'at=$(curl -sf -X PUT "$CREATE" | sed "s/.*\\"Location\\":\\"\\([^\\"]*\\)\\".*/\\1/")'
const CURL = `${LOCATION}; curl -sf -T "$F" "$at"`
const fromPipe = (command: string): string => `${LOCATION}; ${command} | curl -sf -T - "$at"`
const flume = (path: string, options = ''): string => `"$BIN/flume-tail" --once "$F" | "$BIN/flume-buffer" "$D/q" | "$BIN/flume-sink-hdfs" --path "${path}"${options}`
const SMALL = '"$BIN/flume-buffer" "$D/q" <"$D/small" | "$BIN/flume-sink-hdfs" --path /small --prefix "%{n}"'
/** What Hadoop has where nothing is said, and the tests set lower. */
const STOCK = { 'dfs.client.block.write.locateFollowingBlock.initial.delay.ms': '400' }
/** ms that a small file may take. */
const SMALL_MAX = 500
const STAGES = new Map(['tail', 'buffer', 'sink-hdfs'].map((name) => [`flume-${name}`, name]))

export async function benchHdfs({ directory, file, bytes, rounds, small, uploads, stock, rolls, beside, env, runMax, allMax }: HdfsBench): Promise<void> {
  const found = await hadoop()
  if ('missing' in found) throw new Error(`no real HDFS: ${found.missing}`)
  const cluster = await layOut(found, join(directory, 'hdfs'), { properties: stock ? STOCK : {} })
  try {
    await cluster.start()
    const put = ['java', '-cp', `${found.jars}/*:${cluster.conf}`, 'org.apache.hadoop.fs.FsShell', '-put', file, '/put'].map((word) => `'${word}'`).join(' ')
    const around = { ...env, HADOOP_CONF_DIR: cluster.conf, CREATE: urlOf(cluster.http, '/curl', 'CREATE', { noredirect: 'true' }) }
    const once: Once = async (script, prepare) => {
      for (const name of ['q', 'out', 'home', 'state']) rmSync(join(directory, name), { recursive: true, force: true })
      mkdirSync(join(directory, 'home'))
      await cluster.fsShell('-rm', '-r', '-f', '-skipTrash', '/curl', '/put', '/flume', '/small')
      await prepare?.()
      execFileSync('sync')
      const line: Line = { script, stages: STAGES, env: around, timeout: runMax + small * SMALL_MAX, proportional: false }
      const before = cpuOfHdfs(cluster)
      const measured = await measure(line)
      return { ...measured, hdfs: cpuOfHdfs(cluster) - before }
    }
    if (small > 0) for (const count of uploads) await benchSmall(cluster, directory, small, count, once)
    for (const size of rolls) await benchRoll(cluster, file, directory, size, once)
    if (rounds === 0) return
    const scripts: Record<string, string> = {
      curl: CURL,
      'cat | curl': fromPipe('cat "$F"'),
      FsShell: put,
      flume: flume('/flume'),
      'flume to file://': flume('file://$D/out'),
      ...(beside === undefined ? {} : { 'beside | curl': fromPipe(beside) }),
    }
    const runs = new Map(Object.keys(scripts).map((name) => [name, [] as Run[]]))
    const end = Date.now() + allMax
    for (let round = 0; round < rounds && Date.now() < end; round++) {
      for (const [name, script] of Object.entries(scripts)) {
        runs.get(name)!.push(await once(script))
        if (name === 'flume') await compare(cluster, file, directory)
      }
    }
    print(runs, bytes)
  } finally {
    await cluster.destroy()
  }
}

interface Run extends Measured {
  /** Processor time that its daemons took, s. */
  readonly hdfs: number
}

/** Wider than its longest name. */
const NAME_SIZE = 18

type Once = (script: string, prepare?: () => Promise<void>) => Promise<Run>

function cpuOfHdfs({ namenode, datanode }: Cluster): number {
  return cpuOf(namenode.pid!) + cpuOf(datanode.pid!)
}

function print(runs: ReadonlyMap<string, readonly Run[]>, bytes: number): void {
  const middle = (name: string, of: (run: Run) => number): number => median(runs.get(name)!.map(of))
  console.log(`${header(runs.get('flume')!.length, NAME_SIZE)}${cell('HDFS cpu s', 12)}`)
  for (const [name, measured] of runs) console.log(`${row(name, measured, bytes, NAME_SIZE)}${cell(middle(name, ({ hdfs }) => hdfs).toFixed(2), 12)}`)
  for (const stage of STAGES.values()) console.log(`  flume-${stage}: ${middle('flume', ({ stages }) => stages.get(stage)?.cpu ?? NaN).toFixed(2)} cpu s`)
  const wall = (name: string): number => middle(name, (run) => run.wall)
  const least = middle('flume', ({ cpu, hdfs }) => cpu + hdfs) / cpus().length
  console.log(`flume takes ${(wall('flume') / wall('curl')).toFixed(2)} × the time of curl; its processor time and that of HDFS fill ${cpus().length} cores for ${least.toFixed(2)} s`)
}

async function benchSmall(cluster: Cluster, directory: string, files: number, uploads: number, once: Once): Promise<void> {
  const events = Array.from({ length: files }, (_, n) => `${JSON.stringify({ headers: { n: String(n) }, body: 'x' })}\n`)
  writeFileSync(join(directory, 'small'), events.join(''))
  const { wall, stages } = await once(uploads === 0 ? SMALL : `${SMALL} --uploads ${uploads}`, async () => {
    await cluster.fsShell('-mkdir', '/small')
    await cluster.fsShell('-touchz', ...Array.from({ length: FILES_BEFORE }, (_, n) => `/small/before.${n}`))
  })
  const { cpu, peak } = stages.get('sink-hdfs')!
  const figures = `${wall.toFixed(1)} s, ${(files / wall).toFixed(0)} a second; flume-sink-hdfs ${cpu.toFixed(1)} cpu s, ${megabytes(peak)} MB at most`
  const { stdout } = await cluster.fsShell('-count', '/small')
  if (Number(stdout.trim().split(/\s+/)[1]) !== FILES_BEFORE + files) throw new Error(`not all files are there: ${stdout}`)
  const how = uploads === 0 ? '' : `, --uploads ${uploads}`
  console.log(`${files} files of one event in a directory with ${FILES_BEFORE} others${how}: ${figures}`)
}

async function benchRoll(cluster: Cluster, file: string, directory: string, size: string, once: Once): Promise<void> {
  const { wall, stages } = await once(flume('/flume', ` --roll-bytes ${size}`))
  await compare(cluster, file, directory)
  const { cpu, peak } = stages.get('sink-hdfs')!
  console.log(`--roll-bytes ${size}: ${wall.toFixed(1)} s; flume-sink-hdfs ${cpu.toFixed(1)} cpu s, ${megabytes(peak)} MB at most`)
}

async function compare(cluster: Cluster, file: string, directory: string): Promise<void> {
  const copy = join(directory, 'copy')
  const { status, stderr } = await cluster.fsShell('-getmerge', '/flume', copy)
  if (status !== 0) throw new Error(stderr)
  execFileSync('cmp', [resolve(file), copy], { stdio: 'inherit' })
  rmSync(copy)
}
