/** The commands of the section EXAMPLES of a man page, and of the README, as a reader copies them. */
import { read } from './source.js'

/** In their order: lines after .Dl, those that follow each other as one, and literal blocks, without the escapes of mdoc(7). */
export function examplesOf(page: string): string[] {
  const text = read(`man/${page}`)
  const begin = text.indexOf('.Sh EXAMPLES')
  const section = text.slice(begin, text.indexOf('\n.Sh ', begin + 1) + 1)
  const found = [...section.matchAll(/^\.Bd -literal.*\n([^]*?)^\.Ed$|((?:^\.Dl .*\n)+)/gm)].map(([, block, lines]) => block ?? lines!.replaceAll(/^\.Dl /gm, ''))
  return found.map((example) => example.replaceAll('\\e', '\\').replaceAll('\\(dq', '"').replaceAll('\\&', '').trimEnd())
}

/** One command each: the lines of the blocks of these sections that are no comment. */
export function readmeExamples(...headings: readonly string[]): string[] {
  const text = read('README.md')
  return headings.flatMap((heading) => {
    const begin = text.indexOf(`## ${heading}`)
    const section = text.slice(begin, text.indexOf('\n## ', begin))
    return [...section.matchAll(/^```sh\n([^]*?)^```$/gm)].flatMap(([, block]) => block!.split('\n').map((line) => line.replace(/(^| +)# .*/, '')).filter((line) => line !== ''))
  })
}

const PLACES = /(?<=^|[\s'"=]|file:\/\/)\/(?=(var|data|logs|archive|srv|mnt|backup)\/)/g

/** For a shell in a test: places of the machine are in the directory `machine`, and what follows for ever ends with what is there. */
export function endingIn(example: string): string {
  const lines = example.replaceAll(PLACES, '$PWD/machine/').replaceAll(/'(\$PWD[^']*)'/g, '"$1"').split('\n')
  return lines.map((line) => line
    .replace(/flume-tail (?!.*(--once|--rejects| - ))/g, 'flume-tail --once ')
    .replace(/flume-spool (?!.*--once)/, 'flume-spool --once ')
    .replace(/(?<![-\w]|\| |')flume-buffer (?!.*(--once|--stat|--export|--put))/, 'flume-buffer --once ')
    .replace('127.0.0.1:9464', '127.0.0.1:0')
    .replace(/^flume-stat --watch.*/, '{ $& || [ $? = 141 ]; } | awk "/PID/ && tables++ { exit } { print }"')
    .replace(/^flume-stat --listen.*/, 'timeout -s INT 2 $& || [ $? = 124 ]'),
  ).join('\n')
}
