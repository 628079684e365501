/**
 * flume-route and its outputs under kill -9: a random stage at a random moment, again and again, while the log is appended
 * to and rotated. A source or router that is killed takes the line with it, which is typed again; an output that is killed
 * is started again by the router. In the end each numbered line is in each queue that should have it, exactly once.
 * FLUME_KILLS and FLUME_SEED choose how often and which; `npm run prove` kills more.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import '../support/real-processes.js'
import { NOTHING_WRONG, NumberedLog, randomOf } from '../support/numbered-log.js'
import { pause, Running } from '../support/running.js'
import { shell } from '../support/shell.js'

const KILLS = Number(process.env.FLUME_KILLS ?? 16)
const SEED = Number(process.env.FLUME_SEED ?? Date.now() % 1_000_000)

interface Flow {
  readonly title: string
  /** Default: one flume-tail before it. */
  readonly inputs?: string
  /** Behind the name of the command. */
  readonly route: string
  /** Queues that together have each line once. */
  readonly whole: readonly (readonly string[])[]
  /** A queue that nobody waits for: it may lack some lines, which is said, and has none twice. */
  readonly optional?: string
  /** Lines may be there twice, as many as it has said. */
  readonly doubles?: true
}

const isSeven = (text: string): boolean => /^(more )?line \d*7 /.test(text)
const RULES = String.raw`--to 'flume-buffer all' --when '. ~ "^(more )?line \\d*7 "' --to 'flume-buffer sevens' --otherwise 'flume-buffer rest'`
const FLOWS: readonly Flow[] = [
  {
    title: 'replicate and rules',
    route: RULES,
    whole: [['all'], ['sevens', 'rest']],
  },
  { title: 'round-robin', route: "--balance round-robin --to 'flume-buffer a' --to 'flume-buffer b' --to 'flume-buffer c'", whole: [['a', 'b', 'c']] },
  { title: 'random', route: "--balance random --to 'flume-buffer a' --to 'flume-buffer b'", whole: [['a', 'b']] },
  {
    title: 'fan-in',
    inputs: "--input 'flume-tail \"app.log*\"' --input 'flume-tail \"more/app.log*\"'",
    route: RULES,
    whole: [['all'], ['sevens', 'rest']],
  },
  {
    title: 'hash',
    inputs: "--input 'flume-tail --headers basename \"app.log*\"' --input 'flume-tail --headers basename \"more/app.log*\"'",
    route: "--balance hash:basename --to 'flume-buffer a' --to 'flume-buffer b'",
    whole: [['a', 'b']],
  },
  { title: 'optional', route: "--to 'flume-buffer all' --optional --name copy --to 'flume-buffer copy'", whole: [['all']], optional: 'copy' },
  {
    title: 'failover that gives up on an output',
    route: "--failover --failover-after 300ms --to 'flume-buffer a' --to 'flume-buffer b' --to 'flume-buffer c'",
    whole: [['a', 'b', 'c']],
    doubles: true,
  },
  { title: 'failover', route: "--failover --to 'flume-buffer a' --to 'flume-buffer b' --to 'flume-buffer c'", whole: [['a', 'b', 'c']] },
]

for (const { title, inputs, route, whole, optional, doubles } of FLOWS) {
  const kills = Math.ceil(KILLS / FLOWS.length)
  t.test(`${title}: ${kills} kills of source, router and outputs leave each event once (seed ${SEED})`, { timeout: 3_600_000 }, async (t) => {
    const directory = t.testdir({ more: {} })
    const pick = randomOf(SEED)
    const log = new NumberedLog(directory, pick)
    const more = new NumberedLog(join(directory, 'more'), pick, 'more ')
    for (const one of [log, more]) one.append(1000)
    const line = (once: string): string =>
      inputs === undefined ? `flume-tail ${once} 'app.log*' | flume-route ${route}` : `flume-route ${inputs.replaceAll('flume-tail', `flume-tail ${once}`)} ${route} </dev/null`
    const victims = ['flume-tail', 'flume-route', ...[...whole.flat(), ...(optional === undefined ? [] : [optional])].map(() => 'flume-buffer')]
    /** What the router starts again. */
    const stays = inputs === undefined ? ['flume-buffer'] : ['flume-buffer', 'flume-tail']
    let running: Running | undefined
    for (let kill = 0; kill < kills; kill++) {
      running ??= Running.start(t, line(''), directory)
      const victim = victims[pick(victims.length)]!
      const moment = Date.now() + pick(1200)
      for (;;) {
        for (const one of [log, more]) {
          one.append(pick(300))
          if (pick(8) === 0) one.rotate()
        }
        if (Date.now() >= moment) break
        await pause(pick(40))
      }
      running.killStage(victim, pick)
      if (stays.includes(victim)) continue
      if (!t.ok(await running.falls(), `the line falls when ${victim} is killed`)) break
      running = undefined
    }
    running?.kill('SIGKILL')
    await running?.ended
    const last = await shell(`${line('--once')}; echo "\${PIPESTATUS[*]}"`, directory)
    t.match(last.out, /^0( 0)?\n$/, last.err)
    const said = readFileSync(join(directory, 'err'), 'utf8') + last.err
    if (optional !== undefined) {
      const { missing, ...wrong } = log.tally(await bodies(optional, directory))
      t.strictSame(wrong, { twice: [], others: [] }, 'an optional output has nothing twice')
      t.ok(missing.length === 0 || said.includes(`output ${optional}: has missed `), 'what it has missed is said')
    }
    for (const queues of whole) {
      const texts = await Promise.all(queues.map((queue) => bodies(queue, directory)))
      const why = `${queues.join(' ')}: ${said.slice(-4000)}`
      const { twice, ...lacks } = log.tally(texts.flat().filter((text) => !text.startsWith('more ')))
      t.strictSame({ missing: lacks.missing, twice: doubles ? [] : twice, others: lacks.others }, NOTHING_WRONG, why)
      if (doubles) t.ok(texts.flat().length - log.count <= doublesSaid(said), why)
      if (inputs !== undefined) t.strictSame(more.tally(texts.flat().filter((text) => text.startsWith('more ')).map((text) => text.slice(5))), NOTHING_WRONG, why)
      for (const [index, queue] of queues.entries()) {
        if (queue === 'sevens' || queue === 'rest') t.ok(texts[index]!.every((text) => isSeven(text) === (queue === 'sevens')), queue)
      }
    }
  })
}

/** As many events may be in two queues as it has said; any number, where it began before all outputs had come. */
function doublesSaid(said: string): number {
  if (/ has not come: /.test(said)) return Infinity
  return [...said.matchAll(/: (\d+) events that it may have stored are possible doubles/g)].reduce((sum, [, count]) => sum + Number(count), 0)
}

async function bodies(queue: string, directory: string): Promise<string[]> {
  const { out } = await shell(`flume-buffer --export ${queue} 2>/dev/null | jq -r .body`, directory)
  return out.split('\n').filter(Boolean)
}
