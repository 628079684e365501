/** A line onto a real HDFS, whose log is written to while something happens to that HDFS. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Cluster } from './hadoop/cluster.js'
import { NOTHING_WRONG, NumberedLog, randomOf } from './numbered-log.js'
import { Running, until } from './running.js'
import { shell, type Ran } from './shell.js'

/** A line whose log is app.log of `directory`, onto its own directory of HDFS, in files of at least 100 lines. */
export class HdfsFlow {
  readonly log: NumberedLog
  readonly env: Record<string, string>

  constructor(
    readonly t: Test,
    readonly hdfs: Cluster,
    readonly path: string,
    /** Where the line finds that HDFS, if not where its configuration says: `webhdfs://…` */
    readonly uri = '',
  ) {
    this.log = new NumberedLog(t.testdir({}), randomOf(1))
    this.log.append(500)
    this.env = { HADOOP_CONF_DIR: hdfs.conf }
  }

  start(): Running {
    return Running.start(this.t, this.#lineAfter('flume-tail app.log'), this.log.directory, this.env)
  }

  /** Appends lines, and waits until they are on HDFS and acked. */
  async flows(line: Running): Promise<void> {
    this.log.append(300)
    await this.#becomes(line, ({ next, readers }) => next === this.log.count && readers[0]?.lag === 0)
  }

  /** Appends lines, and waits until the queue has them and does not get rid of them. */
  async pilesUp(line: Running): Promise<void> {
    this.log.append(300)
    await this.#becomes(line, ({ next, readers }) => next === this.log.count && (readers[0]?.lag ?? next) >= 300)
  }

  /** Waits until something was said that it had not said `before`. */
  async says(line: Running, text: RegExp, before = ''): Promise<void> {
    await until(() => text.test(line.said.slice(before.length)), () => `${String(text)}, but ${line.said}`)
  }

  /** The line to its end, with what is in the log; its output is the statuses of the stages. */
  once(options = ''): Promise<Ran> {
    return shell(`${this.#lineAfter('flume-tail --once app.log')} ${options}; echo "\${PIPESTATUS[*]}"`, this.log.directory, this.env)
  }

  /** A line that runs is ended by SIGTERM. Then another brings the rest, and each line is on HDFS once. */
  async complete(line?: Running): Promise<void> {
    line?.kill('SIGTERM')
    await line?.ended
    const last = await this.once()
    this.t.equal(last.out, '0 0 0\n', last.err)
    const [cat, ls] = await Promise.all([this.hdfs.fsShell('-cat', `${this.path}/*/*.log`), this.hdfs.fsShell('-ls', '-R', '-C', this.path)])
    this.t.strictSame(this.log.tally([cat.stdout]), NOTHING_WRONG, cat.stderr.slice(-1000))
    this.t.notMatch(ls.stdout, /\.tmp$/m)
  }

  /** Uploads that never reached a DataNode, as the sink's record has them. */
  get attemptsInVain(): number {
    const spool = join(this.log.directory, '.local/state/flume/sink-hdfs')
    const records = readdirSync(spool).filter((name) => name.endsWith('.commits')).map((name) => readFileSync(join(spool, name), 'utf8'))
    return records.join('').split('"step":"gone"').length - 1
  }

  #lineAfter(tail: string): string {
    return `${tail} | flume-buffer q | flume-sink-hdfs --path ${this.uri}${this.path}/%H --roll-count 100 --roll-interval 300ms`
  }

  async #becomes(line: Running, holds: (queue: Stat) => boolean): Promise<void> {
    let last: Stat | undefined
    await until(async () => {
      const { out } = await shell('flume-buffer --stat --json q', this.log.directory)
      last = out === '' ? undefined : (JSON.parse(out) as Stat)
      return last !== undefined && holds(last)
    }, () => `${JSON.stringify(last)} of ${this.log.count}; ${line.said}`)
  }
}

interface Stat {
  readonly next: number
  readonly readers: readonly { readonly lag: number }[]
}
