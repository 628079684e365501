/**
 * npm run bench -- intercept [FILE]: events/s through flume-intercept on one core (where it says so on two), from a file of events to /dev/null, by what it
 * is to do, for lines of FILE, an access log, or of an invented one, and for the same as JSON (also with quotes in its texts), logfmt and syslog. Beside it what
 * cat takes, and jq, which takes the same events apart with a regular expression.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hotSpots } from './profile.js'
import { measure, type Measured } from './shell.js'
import { cell, median } from './table.js'

export interface InterceptBench {
  readonly directory: string
  /** Has D, F and BIN. */
  readonly env: NodeJS.ProcessEnv
  readonly rounds: number
  readonly runMax: number
  readonly allMax: number
  readonly profile: boolean
}

const SHAPES = ['access', 'json', 'quoted', 'logfmt', 'syslog'] as const
type Shape = (typeof SHAPES)[number]

/** jq is slow: it gets the first events only. */
const JQ_EVENTS = 20_000
const ACCESS_REGEX = String.raw`^(?<client>\\S+) (?<ident>\\S+) (?<user>.*) \\[(?<time>[^\\]]+)\\] \"(?<method>\\S+) (?<path>.*) (?<protocol>HTTP/[^\"]*)\" ` +
  String.raw`(?<status>\\d{3}) (?<bytes>\\d+|-) \"(?<referer>[^\"]*)\" \"(?<agent>[^\"]*)\"`
/** What is done, with which events, and how many of them. */
const LINES: readonly (readonly [title: string, shape: Shape, command: string, most?: number])[] = [
  ['cat', 'access', 'cat'],
  ['--static', 'access', '"$BIN/flume-intercept" --static env=prod'],
  ['--filter', 'access', '"$BIN/flume-intercept" --filter GET'],
  ['--parse apache', 'access', '"$BIN/flume-intercept" --parse apache'],
  ['--parse apache, two cores', 'access', 'taskset -c 0-1 "$BIN/flume-intercept" --parse apache'],
  ['--parse apache --time time', 'access', '"$BIN/flume-intercept" --parse apache --time time'],
  ['--parse apache --to-json', 'access', '"$BIN/flume-intercept" --parse apache --to-json "client,time,path,status,bytes" --time time --keep timestamp'],
  ['jq, the same as a regular expression', 'access', `jq -c '.headers += (.body | capture("${ACCESS_REGEX}"))'`, JQ_EVENTS],
  ['--parse json', 'json', '"$BIN/flume-intercept" --parse json'],
  ['--parse json, quotes in its texts', 'quoted', '"$BIN/flume-intercept" --parse json'],
  ['jq, the same', 'json', "jq -c '.headers += (.body | fromjson)'", JQ_EVENTS],
  ['--parse logfmt', 'logfmt', '"$BIN/flume-intercept" --parse logfmt'],
  ['--parse syslog', 'syslog', '"$BIN/flume-intercept" --parse syslog'],
  ['--parse syslog --time time', 'syslog', '"$BIN/flume-intercept" --parse syslog --time time'],
]

export async function benchIntercept(bench: InterceptBench): Promise<void> {
  const { env, rounds, allMax, runMax } = bench
  const counts = new Map(SHAPES.map((shape) => [shape, writeEvents(bench, shape)]))
  const runs = LINES.map((): Measured[] => [])
  const end = Date.now() + allMax
  for (let round = 0; round < rounds && Date.now() < end; round++) {
    for (const [index, [, shape, command, most]] of LINES.entries()) {
      const input = most === undefined ? `< "$D/${shape}"` : `< <(head -n ${most} "$D/${shape}")`
      runs[index]!.push(await measure({ script: `taskset -c 0 ${command} ${input} > /dev/null 2>&1`, stages: new Map(), env, timeout: runMax, proportional: false }))
    }
  }
  console.log(`${`${runs[0]!.length} rounds, one core`.padEnd(40)}${['best /s', 'median /s', 'per cpu s'].map((text) => cell(text, 12)).join('')}`)
  for (const [index, [title, shape, , most]] of LINES.entries()) {
    const count = Math.min(counts.get(shape)!, most ?? Infinity)
    const rates = [Math.min(...runs[index]!.map(({ wall }) => wall)), median(runs[index]!.map(({ wall }) => wall)), median(runs[index]!.map(({ cpu }) => cpu))]
    console.log(`${title.padEnd(40)}${rates.map((seconds) => cell(Math.round(count / seconds), 12)).join('')}`)
  }
  if (bench.profile) await profile(bench)
}

/** The lines in this shape, as events; returns how many. */
function writeEvents({ directory, env }: InterceptBench, shape: Shape): number {
  const lines = readFileSync(join(directory, 'input.log'), 'latin1').split('\n').slice(0, -1)
  const file = join(directory, `${shape}.log`)
  writeFileSync(file, lines.map((line, n) => `${shaped(line, n, shape)}\n`).join(''), 'latin1')
  execFileSync('bash', ['-c', `"$BIN/flume-tail" --once "${file}" > "$D/${shape}"`], { env, stdio: 'ignore' })
  return lines.length
}

function shaped(line: string, n: number, shape: Shape): string {
  const [client = '', , , time = ''] = line.split(' ')
  const [, request = '', , referer = ''] = line.split('"')
  switch (shape) {
    case 'access':
      return line
    case 'json':
      return JSON.stringify({ time: time.slice(1), level: 'info', client, request, referer, number: n, nested: { ok: true, list: [1, 2] } })
    case 'quoted':
      return JSON.stringify({ level: 'info', message: `user "${client}" asked for "${request}"`, state: JSON.stringify({ referer, number: n }) })
    case 'logfmt':
      return `time=${time.slice(1)} level=info client=${client} request=${JSON.stringify(request)} referer=${JSON.stringify(referer)} number=${n} ok`
    case 'syslog':
      return `<${n % 192}>Jun 14 15:16:${String(n % 60).padStart(2, '0')} ${client} httpd(pam)[${n % 65536}]: ${request} ${referer}`
  }
}

async function profile({ directory, env, runMax }: InterceptBench): Promise<void> {
  for (const [title, shape, command] of LINES.filter(([, , command]) => command.includes('flume-intercept'))) {
    const script = `node --cpu-prof --cpu-prof-dir="$D" --cpu-prof-name=intercept.cpuprofile ${command} < "$D/${shape}" > /dev/null`
    await measure({ script, stages: new Map(), env, timeout: runMax, proportional: false })
    console.log(title)
    for (const line of hotSpots(join(directory, 'intercept.cpuprofile'), 12)) console.log(line)
  }
}
