/**
 * npm run bench: file → durable queue → file by the three stages, beside the floor, beside themselves with pipes as the kernel
 * makes them, and beside other agents, each with a queue on disk: agents/agents.ts. All in turn, so that a machine that is
 * slower for a while is so for all of them; ratios to the floor first.
 */
import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { AGENTS } from './agents/agents.js'
import type { Line, Measured } from './shell.js'
import { cell, median, megabytes } from './table.js'

type Script = Pick<Line, 'script' | 'stages'>

export interface PipelineBench {
  readonly directory: string
  readonly file: string
  readonly bytes: number
  readonly rounds: number
  /** How many of the rounds other agents are in; they take up to a hundred times as long. */
  readonly agentRounds: number
  readonly floor: Script
  readonly flume: Script
  readonly stages: readonly string[]
  /** One run, its output compared with the file. */
  once(line: Script, proportional?: boolean): Promise<Measured>
  /** ms */
  readonly allMax: number
}

const NAME_SIZE = 21
const COLUMNS = ['× floor', 'of best', 'best s', 'median s', 'MB/s', 'cpu s', 'peak MB']
const SMALL_PIPES = 'flume, pipes 64 KiB'

export async function benchPipeline(bench: PipelineBench): Promise<void> {
  const runs = new Map<string, Measured[]>()
  const measured = async (name: string, run: Promise<Measured>): Promise<void> => void runs.set(name, [...(runs.get(name) ?? []), await run])
  const agents = await agentLines(bench)
  const end = Date.now() + bench.allMax
  for (let round = 0; round < bench.rounds && Date.now() < end; round++) {
    await measured('floor', bench.once(bench.floor))
    await measured('flume', bench.once(bench.flume))
    await measured(SMALL_PIPES, bench.once(withSmallPipes(bench)))
    if (round < bench.agentRounds) for (const [name, line] of agents) await measured(name, bench.once(line))
  }
  const memory = await bench.once(bench.flume, true)
  console.log(`${bench.rounds} rounds`.padEnd(NAME_SIZE) + COLUMNS.map((text) => cell(text)).join(''))
  for (const [name, list] of runs) {
    console.log(ratioRow(name, list, runs.get('floor')!, bench.bytes))
    if (name === 'flume') for (const stage of bench.stages) console.log(stageRow(stage, list, memory))
  }
  const { resident, proportional } = memory
  console.log(`the stages together: ${megabytes(resident)} MB resident at once, ${megabytes(proportional)} with shared pages counted once`)
  const unsynced = AGENTS.filter(({ name, syncs }) => runs.has(name) && !syncs).map(({ name }) => name)
  if (unsynced.length > 0) console.log(`${unsynced.join(' and ')} take events as kept that are not synced to disk`)
}

/** Without perl a pipe stays as it is: `false` stands in for it. */
function withSmallPipes({ directory, flume }: PipelineBench): Script {
  const bin = join(directory, 'without-perl')
  mkdirSync(bin, { recursive: true })
  try {
    symlinkSync('/bin/false', join(bin, 'perl'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return { ...flume, script: `PATH="${bin}:$PATH"; ${flume.script}` }
}

/** Those that can be had; of the others the reason is said. */
async function agentLines({ directory, file, bytes, agentRounds }: PipelineBench): Promise<Map<string, Script>> {
  const lines = new Map<string, Script>()
  for (const agent of agentRounds > 0 ? AGENTS : []) {
    const line = await agent.line(directory, file, bytes)
    if ('missing' in line) console.error(`# without ${agent.name}: ${line.missing}`)
    else lines.set(agent.name, line)
  }
  return lines
}

function ratioRow(name: string, runs: readonly Measured[], floor: readonly Measured[], bytes: number): string {
  const [best, middle] = [Math.min(...walls(runs)), median(walls(runs))]
  const ratios = [middle / median(walls(floor)), best / Math.min(...walls(floor))]
  const peak = Math.max(...runs.map(({ resident }) => resident))
  const cells = [...ratios, best, middle].map((number) => number.toFixed(2))
  return name.padEnd(NAME_SIZE) + [...cells, megabytes(bytes / middle), cpu(runs), peak === 0 ? '' : megabytes(peak)].map((text) => cell(text)).join('')
}

function stageRow(name: string, runs: readonly Measured[], memory: Measured): string {
  const seconds = median(runs.map(({ stages }) => stages.get(name)?.cpu ?? NaN)).toFixed(2)
  return `  ${name}`.padEnd(NAME_SIZE + 50) + cell(seconds) + cell(megabytes(memory.stages.get(name)?.peak ?? NaN))
}

function walls(runs: readonly Measured[]): number[] {
  return runs.map(({ wall }) => wall)
}

function cpu(runs: readonly Measured[]): string {
  return median(runs.map((run) => run.cpu)).toFixed(2)
}
