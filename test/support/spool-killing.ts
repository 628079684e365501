/**
 * A whole line that reads a spool directory, under kill -9: a random stage at a random moment, again and again, while files
 * are dropped. In the end each numbered line is in the target exactly once, and each file is set aside.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { NOTHING_WRONG, randomOf, tally } from './numbered-log.js'
import { pause, Running } from './running.js'
import { shell } from './shell.js'

export interface SpoolCampaign {
  readonly kills: number
  readonly seed: number
  /** Files that are there at the start, and bytes of each of the large ones among them. */
  readonly files: number
  readonly large?: { readonly count: number; readonly bytes: number }
  /** A random moment of the life of a line, in ms. */
  readonly life?: number
}

/** Files of numbered lines, written elsewhere and moved in. */
class Dropper {
  lines = 0
  files = 0

  constructor(
    readonly directory: string,
    readonly pick: (below: number) => number,
  ) {
    mkdirSync(join(directory, 'in/sub'), { recursive: true })
  }

  drop(bytes: number): void {
    const parts: string[] = []
    for (let size = 0; size < bytes; size += parts.at(-1)!.length) parts.push(`line ${this.lines++} ${'x'.repeat(this.pick(120))}\n`)
    const name = `${this.pick(5) === 0 ? 'sub/' : ''}${this.files++}.log`
    const path = join(this.directory, 'writing')
    writeFileSync(path, parts.join(''))
    utimesSync(path, 1e9 + this.files, 1e9 + this.files)
    renameSync(path, join(this.directory, 'in', name))
  }
}

export async function killSpoolAndCount(t: Test, { kills, seed, files, large, life = 900 }: SpoolCampaign): Promise<void> {
  const directory = t.testdir({})
  const pick = randomOf(seed)
  const dropper = new Dropper(directory, pick)
  for (let n = 0; n < files; n++) dropper.drop(pick(2000))
  for (let n = 0; n < (large?.count ?? 0); n++) dropper.drop(large!.bytes)
  const stages = ['flume-spool --recursive in', 'flume-buffer q', "flume-sink-hdfs --path 'out/%H' --roll-interval 100ms"]
  for (let kill = 0; kill < kills; kill++) {
    const line = Running.start(t, stages.join(' | '), directory)
    const [victim = ''] = stages[pick(10) < 6 ? 0 : pick(stages.length)]!.split(' ')
    for (const moment = Date.now() + pick(life); Date.now() < moment; await pause(pick(60))) dropper.drop(pick(5000))
    line.killStage(victim)
    if (!t.ok(await line.falls(), `the line falls when ${victim} is killed`)) break
  }
  const last = await shell(`${stages.join(' | ').replace(' ', ' --once ')}; echo "\${PIPESTATUS[*]}"`, directory, {}, 600_000)
  t.equal(last.out, '0 0 0\n', last.err)
  const written = readdirSync(join(directory, 'out'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log'))
  const texts = function* (): Generator<string> {
    for (const name of written) yield readFileSync(join(directory, 'out', name), 'utf8')
  }
  t.strictSame(tally(texts(), dropper.lines), NOTHING_WRONG, readFileSync(join(directory, 'err'), 'utf8').slice(-4000))
  const left = readdirSync(join(directory, 'in'), { recursive: true, encoding: 'utf8' }).filter((name) => name !== 'sub')
  t.equal(left.filter((name) => name.endsWith('.COMPLETED')).length, dropper.files, 'each file is set aside')
  t.strictSame(left.filter((name) => !name.endsWith('.COMPLETED')), [])
}
