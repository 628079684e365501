/**
 * npm run bench -- route: file → flume-route → durable queues, beside the same without a router: one output, three of them,
 * rules that look at a header and into the body, and events shared out. The profile is of the router.
 */
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { hotSpots } from './profile.js'
import { measure, type Measured } from './shell.js'
import { cell, header, median, row } from './table.js'

export interface RouteBench {
  readonly directory: string
  /** Has D, F and BIN. */
  readonly env: NodeJS.ProcessEnv
  readonly bytes: number
  readonly rounds: number
  readonly runMax: number
  readonly allMax: number
  readonly profile: boolean
}

const to = (queue: string): string => `--to '"$BIN/flume-buffer" "$D/${queue}"'`
const THREE = [1, 2, 3].map((n) => to(`q${n}`)).join(' ')
const NAME_SIZE = 14
/** Title, shorter than that, and what stands behind flume-tail. */
const LINES: readonly (readonly [string, string])[] = [
  ['no router', '"$BIN/flume-buffer" --put "$D/q1"'],
  ['one output', `"$BIN/flume-route" ${to('q1')}`],
  ['three outputs', `"$BIN/flume-route" ${THREE}`],
  ['header rule', `"$BIN/flume-route" --when 'file glob "*/none"' ${to('q1')} ${to('q2').replace('--to', '--otherwise')}`],
  ['body rule', `"$BIN/flume-route" --when '. ~ "[02468]"' ${to('q1')} ${to('q2').replace('--to', '--otherwise')}`],
  ['round-robin', `"$BIN/flume-route" --balance round-robin ${THREE}`],
  ['hash:file', `"$BIN/flume-route" --balance hash:file ${THREE}`],
]
const STAGES = new Map([['flume-route', 'route']])

export async function benchRoute(bench: RouteBench): Promise<void> {
  const runs = LINES.map((): Measured[] => [])
  const end = Date.now() + bench.allMax
  for (let round = 0; round < bench.rounds && Date.now() < end; round++) {
    for (const [index, [, behind]] of LINES.entries()) runs[index]!.push(await once(bench, behind))
  }
  console.log(`${header(runs[0]!.length, NAME_SIZE)}  router s`)
  for (const [index, [title]] of LINES.entries()) {
    const cpu = median(runs[index]!.map(({ stages }) => stages.get('route')?.cpu ?? NaN))
    console.log(`${row(title, runs[index]!, bench.bytes, NAME_SIZE)}${cell(index === 0 ? '' : cpu.toFixed(2))}`)
  }
  if (bench.profile) await profile(bench)
}

/** One run; all events must be in the queues. */
async function once({ directory, env, runMax }: RouteBench, behind: string): Promise<Measured> {
  for (const name of ['q1', 'q2', 'q3', 'home', 'state']) rmSync(join(directory, name), { recursive: true, force: true })
  execFileSync('sync')
  return measure({ script: `"$BIN/flume-tail" --once "$F" | ${behind}`, stages: STAGES, env, timeout: runMax, proportional: false })
}

async function profile(bench: RouteBench): Promise<void> {
  for (const [title, behind] of LINES.slice(1)) {
    await once(bench, `node --cpu-prof --cpu-prof-dir="$D/home" --cpu-prof-name=route.cpuprofile ${behind}`)
    console.log(title)
    for (const line of hotSpots(join(bench.directory, 'home', 'route.cpuprofile'), 12)) console.log(line)
  }
}
