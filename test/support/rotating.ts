/** The ways in which a log is rotated, as logrotate(8) does them, one step at a time. */
import * as fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

export const KINDS = ['rename', 'copytruncate', 'compress', 'copytruncate and compress', 'delaycompress', 'dateext', 'dateext before .log', 'another file system'] as const
export type Kind = (typeof KINDS)[number]

export class Rotating {
  #rotations = 0
  /** Of the last rotation, what is not compressed yet. */
  #plain: string | undefined

  constructor(
    readonly log: string,
    readonly kind: Kind,
    /** On another file system. */
    readonly elsewhere: string,
  ) {}

  rotate(): void {
    const { kind, log } = this
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
    if (!kind.startsWith('copytruncate')) fs.writeFileSync(log, '')
    if (kind.endsWith('compress') && kind !== 'delaycompress') compress(this.#plain)
    if (kind === 'delaycompress' && earlier !== undefined) compress(`${log}.2`)
  }

  /** Of the file that is the last one from now on; those before it get the next number. */
  #name(): string {
    const { kind, log } = this
    const day = `2026010${this.#rotations}`
    if (kind === 'dateext') return `${log}-${day}`
    if (kind === 'dateext before .log') return log.replace(/\.log$/, `-${day}.log`)
    const directory = kind === 'another file system' ? this.elsewhere : dirname(log)
    for (let number = this.#rotations; number > 1; number--) {
      for (const end of ['', '.gz']) {
        const from = join(directory, `${basename(log)}.${number - 1}${end}`)
        if (fs.existsSync(from)) fs.renameSync(from, join(directory, `${basename(log)}.${number}${end}`))
      }
    }
    return join(directory, `${basename(log)}.1`)
  }
}

/** As gzip(1): another file, of the same age, and the first one is gone. */
export function compress(file: string): void {
  const { atimeMs, mtimeMs } = fs.statSync(file)
  fs.writeFileSync(`${file}.gz`, gzipSync(fs.readFileSync(file)))
  fs.utimesSync(`${file}.gz`, atimeMs / 1000, mtimeMs / 1000)
  fs.unlinkSync(file)
}
