/**
 * A whole line under kill -9: a random stage at a random moment, again and again, while the log is appended to and rotated. In
 * the end each numbered line is in the target exactly once. FLUME_KILLS and FLUME_SEED choose how often and which.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { NOTHING_WRONG, NumberedLog, randomOf } from './numbered-log.js'
import { pause, Running } from './running.js'
import { shell } from './shell.js'

export const SEED = Number(process.env.FLUME_SEED ?? Date.now() % 1_000_000)

/** `stages`: commands with a pipe between two of them; the first reads 'app.log*' and takes --once, the last writes into `out`. */
export async function killAndCount(t: Test, stages: readonly string[], kills: number): Promise<void> {
  const directory = t.testdir({})
  const pick = randomOf(SEED)
  const log = new NumberedLog(directory, pick)
  log.append(1000)
  for (let kill = 0; kill < kills; kill++) {
    const line = Running.start(t, stages.join(' | '), directory)
    const [victim = ''] = stages[pick(stages.length)]!.split(' ')
    const moment = Date.now() + pick(900)
    for (;;) {
      log.append(pick(300))
      if (pick(8) === 0) log.rotate()
      if (Date.now() >= moment) break
      await pause(pick(40))
    }
    line.killStage(victim)
    if (!t.ok(await line.falls(), `the line falls when ${victim} is killed`)) break
  }
  const last = await shell(`${stages.join(' | ').replace(' ', ' --once ')}; echo "\${PIPESTATUS[*]}"`, directory)
  t.equal(last.out, `${stages.map(() => '0').join(' ')}\n`, last.err)
  const written = readdirSync(join(directory, 'out'), { recursive: true, encoding: 'utf8' })
  const texts = written.filter((name) => /\.(log|tmp)$/.test(name)).map((name) => readFileSync(join(directory, 'out', name), 'utf8'))
  t.strictSame(log.tally(texts), NOTHING_WRONG, readFileSync(join(directory, 'err'), 'utf8').slice(-4000))
  t.strictSame(written.filter((name) => name.endsWith('.tmp')), [], 'no .tmp is left')
}
