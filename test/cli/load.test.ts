/** The code that V8 has compiled of a bundle, and when a command runs from it. */
import { cpSync, readFileSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import t, { type Test } from 'tap'
import { shell } from '../support/shell.js'
import { ROOT } from '../support/source.js'

const OLD = 'a table of all lines'
const NEW = 'A TABLE OF ALL LINES' // as long: the length is all that V8 looks at

/** A package of flume-stat alone. */
function installed(t: Test): { help(): Promise<string>; bundle: string; cache: string } {
  const directory = t.testdir()
  const folder = join(directory, 'dist/bundle')
  for (const name of ['bin/flume-stat', 'bin/package.json', 'package.json', 'dist/bundle/load.cjs', 'dist/bundle/flume-stat.cjs']) cpSync(join(ROOT, name), join(directory, name))
  const [cache] = readdirSync(join(ROOT, 'dist/bundle')).filter((name) => name.startsWith('flume-stat-') && name.includes(process.version))
  cpSync(join(ROOT, 'dist/bundle', cache!), join(folder, cache!))
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  return {
    help: async () => (await shell('bin/flume-stat --help', directory)).out,
    bundle: join(folder, 'flume-stat.cjs'),
    cache: join(folder, cache!),
  }
}

function change(path: string): Buffer {
  const changed = Buffer.from(readFileSync(path, 'latin1').replaceAll(OLD, NEW), 'latin1')
  writeFileSync(path, changed)
  return changed
}

t.test('a command runs from what was compiled of its bundle', async (t) => {
  const { help, bundle, cache } = installed(t)
  const compiled = readFileSync(cache)
  compiled.writeUInt32LE(crc32(change(bundle)))
  writeFileSync(cache, compiled)
  t.match(await help(), OLD, 'the text that is compiled, and not that of the bundle')
})

t.test('a bundle that is another one by now is compiled anew', async (t) => {
  const { help, bundle } = installed(t)
  change(bundle)
  t.match(await help(), NEW)
})

t.test('what was compiled and is damaged is not used', async (t) => {
  const { help, cache } = installed(t)
  const whole = readFileSync(cache)
  for (const size of [0, 3, 8, 100, whole.length - 1]) {
    truncateSync(cache, size)
    t.match(await help(), OLD, `${size} bytes of it`)
    writeFileSync(cache, whole)
  }
  writeFileSync(cache, whole.fill(0xff, whole.length >> 1))
  t.match(await help(), OLD, 'half of it overwritten')
})
