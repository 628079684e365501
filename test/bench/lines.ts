/** What the benchmark moves: a file of so many bytes, of the lines of a given one over and over, or of an invented access log. */
import { open, readFile } from 'node:fs/promises'
import { numbersFrom } from '../support/ndjson.js'

export interface Sample {
  readonly bytes: number
  readonly lines: number
}

/** Writes whole lines, each ended by one \n and no \r, until there are `bytes`. */
export async function writeSample(path: string, bytes: number, from: string | undefined): Promise<Sample> {
  const block = from === undefined ? accessLog(10_000) : linesOf(await readFile(from))
  const perBlock = block.toString('latin1').split('\n').length - 1
  const file = await open(path, 'w')
  let [size, lines] = [0, 0]
  for (; size < bytes; lines += perBlock) size += (await file.write(block)).bytesWritten
  await file.sync()
  await file.close()
  return { bytes: size, lines }
}

function linesOf(log: Buffer): Buffer {
  if (log.length === 0) throw new Error('the log is empty')
  const text = log.toString('latin1').replaceAll('\r\n', '\n')
  return Buffer.from(text.endsWith('\n') ? text : `${text}\n`, 'latin1')
}

/** Lines in the combined format of Apache, about 200 bytes each, the same in every run. */
function accessLog(count: number): Buffer {
  const next = numbersFrom(1)
  const one = (list: readonly string[]): string => list[next(list.length)]!
  const lines = Array.from({ length: count }, (_, index) => {
    const address = `${1 + next(223)}.${next(256)}.${next(256)}.${next(256)}`
    const time = new Date(Date.UTC(2026, 0, 1) + index * 737).toISOString().slice(11, 19)
    const path = `/${one(PLACES)}/${one(PLACES)}/${next(9999)}${one(KINDS)}`
    const referrer = next(3) === 0 ? '-' : `http://www.example.org/${one(PLACES)}/`
    return `${address} - - [01/Jan/2026:${time} +0000] "GET ${path} HTTP/1.1" ${one(STATUSES)} ${next(99999)} "${referrer}" "${one(AGENTS)}"\n`
  })
  return Buffer.from(lines.join(''))
}

const PLACES = ['articles', 'images', 'presentations', 'projects', 'downloads', 'blog', 'search', 'style', 'scripts', 'feeds']
const KINDS = ['', '.html', '.png', '.css', '.js', '.xml', '?page=2&sort=date']
const STATUSES = ['200', '200', '200', '200', '304', '404', '301', '500']
const AGENTS = [
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0',
  'Mozilla/5.0 (compatible; ExampleBot/2.1; +http://www.example.org/bot.html)',
  'curl/8.5.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1',
]
