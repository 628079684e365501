/** The ways in which a log is rotated, as logrotate(8) does them, one step at a time. */
import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

export const KINDS = ['rename', 'copytruncate', 'compress', 'copytruncate and compress', 'delaycompress', 'dateext', 'dateext before .log', 'another file system'] as const
/** Close to one of them. */
export const VARIANTS = ['rename without create', 'create with another mode', 'twice at once', 'replaced by a new file'] as const
/** Every second time the log is truncated, after it was copied the time before. */
export const APART = 'copytruncate in two steps'
/** The log goes on. */
export const SAME = 'replaced by a copy of itself'
/** What was not read before is gone. */
export const LOSSY = ['truncated', 'removed'] as const
export type Kind = (typeof KINDS)[number] | (typeof VARIANTS)[number] | typeof APART | typeof SAME | (typeof LOSSY)[number]
/** What becomes of the content that it had. */
export type Became = 'kept' | 'the same' | 'gone' | 'copied' | 'truncated'

export class Rotating {
  #rotations = 0
  /** Of the last rotation, what is not compressed yet. */
  #plain: string | undefined
  #isCopied = false

  constructor(
    readonly log: string,
    readonly kind: Kind,
    /** On another file system. */
    readonly elsewhere: string,
  ) {}

  rotate(): Became {
    const { kind, log } = this
    if (kind === 'truncated') return this.#lose(() => fs.truncateSync(log))
    if (kind === 'removed') return this.#lose(() => fs.rmSync(log))
    if (!fs.existsSync(log)) return 'the same' // as with missingok
    if (kind === SAME) return replaceByCopy(log)
    if (kind === APART) return this.#apart()
    this.#rotations++
    const earlier = this.#plain
    this.#plain = this.#name()
    if (kind.startsWith('copytruncate')) {
      fs.copyFileSync(log, this.#plain)
      fs.truncateSync(log)
    } else if (kind === 'another file system') {
      const { atimeMs, mtimeMs } = fs.statSync(log)
      fs.copyFileSync(log, this.#plain)
      fs.utimesSync(this.#plain, atimeMs / 1000, mtimeMs / 1000)
      fs.unlinkSync(log)
    } else fs.renameSync(log, this.#plain)
    if (kind === 'replaced by a new file') {
      fs.writeFileSync(`${log}.new`, '')
      fs.renameSync(`${log}.new`, log)
    } else if (!kind.startsWith('copytruncate') && kind !== 'rename without create') {
      fs.writeFileSync(log, '', kind === 'create with another mode' ? { mode: 0o600 } : {})
    }
    if (kind === 'twice at once') fs.renameSync(this.#plain, `${this.#plain}.old`)
    if (kind.endsWith('compress') && kind !== 'delaycompress') compress(this.#plain)
    if (kind === 'delaycompress' && earlier !== undefined) compress(`${log}.2`)
    return 'kept'
  }

  #apart(): Became {
    this.#isCopied = !this.#isCopied
    if (!this.#isCopied) {
      fs.truncateSync(this.log)
      return 'truncated'
    }
    this.#rotations++
    fs.copyFileSync(this.log, this.#name())
    return 'copied'
  }

  #lose(act: () => void): Became {
    if (!fs.existsSync(this.log)) return 'the same'
    act()
    return 'gone'
  }

  /** Of the file that is the last one from now on; those before it get the next number. */
  #name(): string {
    const { kind, log } = this
    const day = `2026010${this.#rotations}`
    if (kind === 'dateext') return `${log}-${day}`
    if (kind === 'dateext before .log') return log.replace(/\.log$/, `-${day}.log`)
    const directory = kind === 'another file system' ? this.elsewhere : dirname(log)
    for (let number = this.#rotations; number > 1; number--) {
      for (const end of ['', '.gz', '.old']) {
        const from = join(directory, `${basename(log)}.${number - 1}${end}`)
        if (fs.existsSync(from)) fs.renameSync(from, join(directory, `${basename(log)}.${number}${end}`))
      }
    }
    return join(directory, `${basename(log)}.1`)
  }
}

/** As editors and sed(1) -i do. */
function replaceByCopy(log: string): Became {
  fs.copyFileSync(log, `${log}~`)
  fs.renameSync(`${log}~`, log)
  return 'the same'
}

/** As gzip(1): another file, of the same age, and the first one is gone. */
export function compress(file: string): void {
  const { atimeMs, mtimeMs } = fs.statSync(file)
  fs.writeFileSync(`${file}.gz`, gzipSync(fs.readFileSync(file)))
  fs.utimesSync(`${file}.gz`, atimeMs / 1000, mtimeMs / 1000)
  fs.unlinkSync(file)
}
