/**
 * The whole line under kill -9: a random stage at a random moment, again and again, while the log is appended to and
 * rotated. In the end each numbered line is in the target exactly once. FLUME_KILLS and FLUME_SEED choose how often and
 * which; `npm run prove` kills more. Not tested here: loss of power (test/channel does, on a disk that forgets).
 */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { NOTHING_WRONG, NumberedLog, randomOf } from '../support/numbered-log.js'
import { pause, Running } from '../support/running.js'
import { shell } from '../support/shell.js'

const KILLS = Number(process.env.FLUME_KILLS ?? 20)
const SEED = Number(process.env.FLUME_SEED ?? Date.now() % 1_000_000)
const STAGES = ['flume-tail', 'flume-buffer', 'flume-sink-hdfs'] as const

t.test(`${KILLS} kills of random stages leave each line exactly once (seed ${SEED})`, { timeout: 3_600_000 }, async (t) => {
  const directory = t.testdir({})
  const pick = randomOf(SEED)
  const log = new NumberedLog(directory, pick)
  const target = "flume-sink-hdfs --path 'out/%H' --roll-interval 100ms"
  log.append(1000)
  for (let kill = 0; kill < KILLS; kill++) {
    const line = Running.start(t, `flume-tail 'app.log*' | flume-buffer q | ${target}`, directory)
    const victim = STAGES[pick(STAGES.length)]!
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
  const last = await shell(`flume-tail --once 'app.log*' | flume-buffer q | ${target}; echo "\${PIPESTATUS[*]}"`, directory)
  t.equal(last.out, '0 0 0\n', last.err)
  const written = readdirSync(join(directory, 'out'), { recursive: true, encoding: 'utf8' })
  const texts = written.filter((name) => /\.(log|tmp)$/.test(name)).map((name) => readFileSync(join(directory, 'out', name), 'utf8'))
  t.strictSame(log.tally(texts), NOTHING_WRONG, readFileSync(join(directory, 'err'), 'utf8').slice(-4000))
  t.strictSame(written.filter((name) => name.endsWith('.tmp')), [], 'no .tmp is left')
})
