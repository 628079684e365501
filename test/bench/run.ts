/**
 * npm run bench -- [hdfs|files|start|latency|readers|shapes|route|intercept|spool|compress] [--rounds N] [--megabytes N] [--directory DIR] [--profile] [FILE]
 *   of none of them: [--agents N]
 *   of hdfs: [--small N] [--uploads N]... [--stock] [--roll BYTES]... [--beside COMMAND]
 *   of spool: [--files N] [--done WAY]...
 *
 * file → durable queue → file, end to end, beside the floor: what cat, tee and sync take to leave the same bytes in two
 * files on disk, and in N rounds beside other agents, pipeline.ts. Each output is compared with the input byte for byte. The
 * lines are those of FILE over and over, else invented. At the end one more round looks at memory, which costs time of its own.
 * With `hdfs` onto a real HDFS, hdfs.ts, and there N small files. With `files` ten thousand files followed, files.ts.
 * With `start` how long a queue takes to open, start.ts. With `route` through a router, route.ts, with `intercept` through
 * interceptors, intercept.ts. With `latency` how long a single line takes, latency.ts. With `readers` a queue read back, by up
 * to twenty readers, readers.ts. With `shapes` other kinds of lines, shapes.ts.
 * With `spool` a directory of a hundred thousand finished files, spool.ts.
 * With `compress` what --compress makes of each FILE, compress.ts.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeSample } from './lines.js'
import { benchCompress } from './compress.js'
import { benchFiles } from './files.js'
import { benchHdfs } from './hdfs.js'
import { benchIntercept } from './intercept.js'
import { benchLatency } from './latency.js'
import { benchPipeline } from './pipeline.js'
import { benchRoute } from './route.js'
import { hotSpots } from './profile.js'
import { benchReaders } from './readers.js'
import { benchShapes } from './shapes.js'
import { measure, type Line, type Measured } from './shell.js'
import { benchSpool, WAYS } from './spool.js'
import { benchStart } from './start.js'
import { megabytes } from './table.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    megabytes: { type: 'string', default: '300' },
    directory: { type: 'string', default: 'run/bench' },
    profile: { type: 'boolean', default: false },
    small: { type: 'string', default: '1000' },
    uploads: { type: 'string', multiple: true, default: ['0'] },
    stock: { type: 'boolean', default: false },
    roll: { type: 'string', multiple: true, default: [] },
    agents: { type: 'string', default: '2' },
    files: { type: 'string', default: '100000' },
    done: { type: 'string', multiple: true, default: [...WAYS] },
    beside: { type: 'string' },
  },
})

const ROUNDS = Math.min(Math.max(Number(values.rounds), 1), 50)
/** ms for one run, and for the whole. */
const RUN_MAX = 120_000
const ALL_MAX = 600_000
const bin = resolve(import.meta.dirname, '../../bin')
mkdirSync(values.directory, { recursive: true })
const directory = mkdtempSync(join(resolve(values.directory), 'run-'))
const file = join(directory, 'input.log')
const STAGES = ['tail', 'buffer', 'sink-hdfs']

const env = {
  PATH: process.env['PATH'], HOME: join(directory, 'home'), XDG_STATE_HOME: join(directory, 'state'), LANG: 'C.UTF-8', TZ: 'UTC',
  D: directory, F: file, BIN: bin,
}

const FLOOR = { script: 'cat "$F" | tee "$D/q" | cat > "$D/out/log"; sync "$D/q" "$D/out/log"', stages: new Map<string, string>() }
const flume = (node = '', tail = ''): Pick<Line, 'script' | 'stages'> => ({
  script: STAGES.map((stage) => `${node.replaceAll('%', stage)} "$BIN/flume-${stage}" ${stage === 'tail' ? tail : ''} ${OPERANDS[stage]}`).join(' | '),
  stages: new Map(STAGES.map((stage) => [`flume-${stage}`, stage])),
})
const OPERANDS: Record<string, string> = { tail: '--once "$F"', buffer: '"$D/q"', 'sink-hdfs': '--path "file://$D/out"' }

/** The last run's files go, and what is dirty of them, so that it is not written in the next one's time. */
function clean(): void {
  for (const name of ['q', 'out', 'home', 'state']) rmSync(join(directory, name), { recursive: true, force: true })
  for (const name of ['out', 'state']) mkdirSync(join(directory, name))
  execFileSync('sync')
}

/** `expected`: a command that prints what must come out. */
async function once(line: Pick<Line, 'script' | 'stages'>, proportional = false, expected = 'cat "$F"'): Promise<Measured> {
  clean()
  const measured = await measure({ ...line, env, timeout: RUN_MAX, proportional })
  execFileSync('bash', ['-c', `cmp <(cat "$D"/out/*) <(${expected})`], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  return measured
}

async function main(): Promise<void> {
  const [first, second] = positionals
  if (first === 'files') return await benchFiles({ directory, env, bin })
  if (first === 'latency') return await benchLatency({ directory, env, bin, rounds: ROUNDS })
  if (first === 'start') return await benchStart({ directory, env, bin, rounds: ROUNDS })
  if (first === 'spool') return await benchSpool({ directory, env, bin, files: Number(values.files), ways: values.done })
  if (first === 'compress') return await benchCompress(positionals.slice(1), { directory, env, bytes: Number(values.megabytes) * 1e6, rounds: ROUNDS })
  if (first === 'shapes') {
    const bytes = Number(values.megabytes) * 1e6
    return await benchShapes({
      file, bytes, rounds: ROUNDS, floor: FLOOR, flume: (tail) => flume('', tail), once: (line, expected) => once(line, false, expected),
    })
  }
  const sample = await writeSample(file, Number(values.megabytes) * 1e6, ['hdfs', 'route', 'intercept', 'readers'].includes(first ?? '') ? second : first)
  console.log(`${megabytes(sample.bytes)} MB, ${sample.lines} lines; node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? '?'}`)
  if (first === 'hdfs') {
    const { beside, small, uploads, stock, roll: rolls } = values
    const counts = { rounds: Number(values.rounds) === 0 ? 0 : ROUNDS, small: Number(small), uploads: uploads.map(Number) }
    return await benchHdfs({ directory, file, bytes: sample.bytes, ...counts, stock, rolls, beside, env, runMax: RUN_MAX, allMax: ALL_MAX })
  }
  if (first === 'readers') return await benchReaders({ directory, env, bytes: sample.bytes, runMax: RUN_MAX })
  if (first === 'route') {
    return await benchRoute({ directory, env, bytes: sample.bytes, rounds: ROUNDS, runMax: RUN_MAX, allMax: ALL_MAX, profile: values.profile })
  }
  if (first === 'intercept') return await benchIntercept({ directory, env, rounds: ROUNDS, runMax: RUN_MAX, allMax: ALL_MAX, profile: values.profile })
  await benchPipeline({
    directory, file, bytes: sample.bytes, rounds: ROUNDS, agentRounds: Number(values.agents), floor: FLOOR, flume: flume(), stages: STAGES, once, allMax: ALL_MAX,
  })
  if (values.profile) await profile()
}

async function profile(): Promise<void> {
  await once(flume(`node --cpu-prof --cpu-prof-dir="$D/home" --cpu-prof-name=%.cpuprofile`))
  for (const stage of STAGES) {
    console.log(`flume-${stage}`)
    for (const line of hotSpots(join(directory, 'home', `${stage}.cpuprofile`), 15)) console.log(line)
  }
}

try {
  await main()
} finally {
  rmSync(directory, { recursive: true, force: true })
}
