/**
 * npm run bench -- shapes: file → durable queue → file for lines of other kinds than those of an access log, each beside the floor and
 * compared with what went in. Each also with a quarter of it: where that is much faster, something grows faster than its input.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import type { Line, Measured } from './shell.js'
import { cell, median, megabytes } from './table.js'

export interface Shapes {
  readonly file: string
  readonly bytes: number
  readonly rounds: number
  readonly floor: Pick<Line, 'script' | 'stages'>
  flume(tail?: string): Pick<Line, 'script' | 'stages'>
  /** Runs it, and compares the output with that of the command. */
  once(line: Pick<Line, 'script' | 'stages'>, expected?: string): Promise<Measured>
}

interface Shape {
  readonly line: (index: number) => string | Buffer
  /** Options for flume-tail. */
  readonly tail?: string
  /** What comes out where it is not what goes in: a command. */
  readonly expected?: string
}

const WORDS = 'the quick brown fox jumps over the lazy dog and runs away from it '
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

const SHAPES: Record<string, Shape> = {
  '20 bytes': { line: (index) => `${String(index % 1e9).padEnd(19, '.')}\n` },
  '200 bytes': { line: (index) => `${index} ${WORDS.repeat(3).slice(0, 190)}\n` },
  '2 KB': { line: (index) => `${index} ${WORDS.repeat(40).slice(0, 2040)}\n` },
  'JSON log': { line: (index) => `{"level":"info","seq":${index},"msg":"GET \\"/a/${index}\\"","user":{"id":"u${index % 97}","name":"A\\tB"},"ok":true}\n` },
  'tabs, colours': { line: (index) => `\u001b[32mINFO\u001b[0m\t${index}\t\u001b[1mapp\u001b[0m\t${WORDS}\t\u001b[31m${index % 7}\u001b[0m\n` },
  UTF8: { line: (index) => `${index} Καλημέρα κόσμε – приветствую всех, こんにちは世界, grüße aus Köln 🙂\n` },
  'not UTF-8': { line: (index) => latin1(`${index} gr\xfc\xdfe aus K\xf6ln, ${WORDS}\n`) },
  CRLF: { line: (index) => `${index} ${WORDS}${WORDS}\r\n`, expected: 'tr -d "\\r" < "$F"' },
  'several lines': {
    line: (index) => `2026-01-01 ERROR ${index} it failed\n${'\tat org.example.Service.call(Service.java:42)\n'.repeat(1 + (index % 8))}`,
    tail: "--multiline-start '^2026'",
  },
}

export async function benchShapes(bench: Shapes): Promise<void> {
  const { bytes, rounds, flume, floor, once } = bench
  console.log(`${'lines'.padEnd(15)}${['floor MB/s', 'flume MB/s', 'a quarter', 'cpu s', 'cpu µs/line'].map((text) => cell(text, 12)).join('')}`)
  for (const [name, { line, tail, expected }] of Object.entries(SHAPES)) {
    const rates: number[] = []
    let [cpu, lines, base] = [0, 0, 0]
    for (const size of [bytes / 4, bytes]) {
      lines = write(bench.file, size, line)
      const runs: Measured[] = []
      const floors: Measured[] = []
      for (let round = 0; round < rounds; round++) {
        floors.push(await once(floor))
        runs.push(await once(flume(tail), expected))
      }
      rates.push(size / median(runs.map(({ wall }) => wall)))
      base = size / median(floors.map(({ wall }) => wall))
      cpu = median(runs.map((run) => run.cpu))
    }
    const [quarter, all] = rates as [number, number]
    const cells = [megabytes(base), megabytes(all), megabytes(quarter), cpu.toFixed(2), ((cpu / lines) * 1e6).toFixed(2)]
    console.log(name.padEnd(15) + cells.map((text) => cell(text, 12)).join(''))
  }
}

/** Returns the number of lines. */
function write(path: string, bytes: number, line: Shape['line']): number {
  rmSync(path, { force: true })
  const fd = openSync(path, 'w')
  const block = Buffer.concat(Array.from({ length: 10_000 }, (_, index) => Buffer.from(line(index))))
  const perBlock = block.filter((byte) => byte === 10).length
  let lines = 0
  for (let size = 0; size < bytes; lines += perBlock) size += writeSync(fd, block)
  closeSync(fd)
  execFileSync('sync', [path])
  return lines
}
