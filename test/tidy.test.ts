/** What a tool can check of how this project is written: who imports whom, sizes, names, and pages that say what the code does. */
import { statSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, join } from 'node:path'
import { ESLint } from 'eslint'
import t from 'tap'
import { STATUS } from '../src/cli/exit.js'
import { COMMON } from '../src/cli/options.js'
import type { Command } from '../src/cli/command.js'
import { COMMANDS, ROOT, declaredNames, exportedNames, filesOf, functionsOf, globalsUsed, importsOf, parse, projectFiles, read } from './support/source.js'

const sources = filesOf('src').filter((path) => path.endsWith('.ts')).map(parse)
const tests = filesOf('test').filter((path) => path.endsWith('.ts')).map(parse)
const everything = projectFiles()
const manifest = JSON.parse(read('package.json')) as {
  bin: Record<string, string>
  man: string[]
  files: string[]
  scripts: Record<string, string>
  dependencies: Record<string, string>
}

/** Folder of src to the folders it may import, beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'errors.ts': [],
  events: ['errors.ts', 'disk'],
  disk: ['errors.ts'],
  routes: ['events', 'errors.ts'],
  interceptors: ['events', 'errors.ts'],
  pipe: ['events', 'disk', 'errors.ts'],
  sources: ['events', 'disk', 'errors.ts'],
  channel: ['events', 'disk', 'errors.ts'],
  sinks: ['events', 'disk', 'errors.ts'],
  stat: ['events', 'disk', 'errors.ts'],
  cli: ['errors.ts', 'events', 'disk', 'routes', 'interceptors', 'pipe', 'sources', 'channel', 'sinks', 'stat'],
}

/** Where a module may be imported: the beginnings of paths. */
const ONLY_IN: Readonly<Record<string, readonly string[]>> = {
  'node:fs': ['src/disk/'],
  'node:net': ['src/disk/', 'src/pipe/', 'src/stat/'],
  'node:http': ['src/sinks/', 'src/stat/'],
  'node:https': ['src/sinks/'],
  undici: ['src/sinks/'],
  'node:tty': ['src/cli/'],
  'node:child_process': ['src/disk/'],
  'node:process': ['src/cli/'],
  'node:worker_threads': [],
  'fast-glob': ['src/sources/watch.ts'],
  picomatch: ['src/sources/pattern.ts'],
  'fs-native-extensions': ['src/disk/'],
  split2: ['src/pipe/', 'src/sources/', 'src/sinks/'],
  'yargs-parser': ['src/cli/'],
}

/** Longer than they should be, with their size of today: it may only shrink. */
const LINES_MAX = 300
const FUNCTION_LINES_MAX = 60
const LONG_FILES: Readonly<Record<string, number>> = {}
const LONG_FUNCTIONS: Readonly<Record<string, number>> = {}

/** A command is a file of src/cli/commands that exports one. */
const commands = sources
  .filter((file) => file.path.startsWith('src/cli/commands/') && exportedNames(file).includes('command'))
  .map(({ path }) => `flume-${basename(path, '.ts')}`)

const folderOf = (path: string): string => path.split('/')[1]!

t.test('a folder of src imports only those below it', async (t) => {
  for (const file of sources) {
    const allowed = MAY_IMPORT[folderOf(file.path)]
    if (!allowed) {
      t.fail(`${file.path}: a folder that nobody has placed`)
      continue
    }
    for (const { name } of importsOf(file)) {
      if (name.startsWith('src/')) t.ok(folderOf(name) === folderOf(file.path) || allowed.includes(folderOf(name)), `${file.path} imports ${name}`)
    }
  }
})

t.test('a module of the world is imported in its place only, and every package is a dependency', async (t) => {
  for (const file of sources) {
    for (const { name, types } of importsOf(file)) {
      if (name.startsWith('src/') || name === 'package.json') continue
      const module = name.replace(/^(node:[a-z_]+)\/.*/, '$1')
      const places = ONLY_IN[module]
      if (places && !types) t.ok(places.some((place) => file.path.startsWith(place)), `${file.path} imports ${name}`)
      if (module.startsWith('node:')) t.ok(builtinModules.includes(module.slice(5)), name)
      else t.ok(module in manifest.dependencies, `${file.path} imports ${name}, which is in package.json`)
    }
  }
  const used = new Set(sources.flatMap((file) => importsOf(file).map(({ name }) => name)))
  for (const name of Object.keys(manifest.dependencies)) t.ok(used.has(name), `${name} is used`)
})

t.test('below cli there is no process, console, clock or chance', async (t) => {
  const names = ['process', 'console', 'Date.now', 'new Date()', 'performance.now', 'Math.random']
  for (const file of sources) {
    if (file.path.startsWith('src/cli/') || file.path === 'src/events/flow.ts') continue // systemClock
    t.same(globalsUsed(file, names), [], file.path)
  }
})

t.test('every file of src is reached from a command, and every export is used elsewhere', async (t) => {
  const reached = new Set<string>()
  const reach = (path: string): void => {
    if (reached.has(path)) return
    reached.add(path)
    const file = sources.find((each) => each.path === path)
    for (const { name } of file === undefined ? [] : importsOf(file)) if (name.startsWith('src/')) reach(name)
  }
  for (const { path } of sources) if (path.startsWith('src/cli/bin/')) reach(path)
  for (const { path } of sources) t.ok(reached.has(path), path)
  for (const name of reached) t.ok(sources.some(({ path }) => path === name), `${name} is there`)

  const others = [...sources, ...tests, ...filesOf('bin').map(parse)]
  for (const file of sources) {
    for (const name of exportedNames(file)) {
      const word = new RegExp(`\\b${name.replace('$', '\\$')}\\b`)
      t.ok(others.some((other) => other !== file && word.test(other.text)), `${file.path} exports ${name}`)
    }
  }
})

t.test('files and functions are short, and the long ones do not grow', async (t) => {
  for (const file of sources) {
    const lines = file.text.trimEnd().split('\n').length
    t.ok(lines <= (LONG_FILES[file.path] ?? LINES_MAX), `${file.path}: ${lines} lines`)
    for (const { name, lines } of functionsOf(file)) {
      const most = LONG_FUNCTIONS[`${file.path} ${name}`] ?? FUNCTION_LINES_MAX
      if (lines > most) t.fail(`${file.path}: ${name}() has ${lines} lines`)
    }
    const wide = file.text.split('\n').findIndex((line) => line.length > 160)
    t.equal(wide, -1, `${file.path}: columns`)
  }
})

t.test('a file begins by saying what it is for', async (t) => {
  for (const file of sources) t.match(file.text, /^\/\*\*/, file.path)
})

t.test('names are words of the trade', async (t) => {
  const banned = new Set(['manager', 'helper', 'helpers', 'util', 'utils', 'misc', 'data', 'item', 'items', 'stuff', 'foo', 'bar', 'temp', 'tmp2'])
  const words = (name: string): string[] => name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase().split(/[^a-z0-9]+/)
  for (const file of [...sources, ...tests]) {
    t.same(words(basename(file.path)).filter((word) => banned.has(word)), [], file.path)
    t.same(declaredNames(file).filter((name) => words(name).some((word) => banned.has(word))), [], file.path)
  }
})

t.test('nothing is left to do, and nothing names a machine', async (t) => {
  for (const path of everything.filter((name) => name !== 'LICENSE' && name !== 'test/tidy.test.ts')) {
    const text = read(path)
    t.notMatch(text, /\b(TODO|FIXME|XXX|HACK)\b/, path)
    t.notMatch(text, /\/(work|root)\/|registry\.npmjs/, path)
    if (/\.(ts|js|json|md|[157])$/.test(path)) t.notMatch(text, /[^\S\n]$|\t/m, `${path}: blanks at the end of a line, or tabs`)
  }
  t.notMatch(read('package-lock.json'), /"resolved"/)
  for (const { path, text } of tests.filter(({ path }) => path !== 'test/tidy.test.ts')) t.notMatch(text, /\bt\.only\(|\.only = true|\btest\.skip\(/, path)
})

t.test('the linter catches a promise that nobody waits for', async (t) => {
  // where CI=true the parser would read the file from the disk in place of the text given
  const overrideConfig = { languageOptions: { parserOptions: { disallowAutomaticSingleRunInference: true } } }
  const eslint = new ESLint({ cwd: ROOT, overrideConfig })
  const [result] = await eslint.lintText('export function forget(): void {\n  Promise.resolve(1)\n}\n', { filePath: 'src/errors.ts' })
  t.match(result?.messages, [{ ruleId: '@typescript-eslint/no-floating-promises', line: 2 }])
})

t.test('what package.json names is there, and can be run', async (t) => {
  for (const [name, path] of Object.entries(manifest.bin)) {
    t.equal(path, `bin/${name}`)
    t.ok(statSync(join(ROOT, path)).mode & 0o100, `${path} may be executed`)
    t.match(read(path), new RegExp(`^#!/usr/bin/env node\n[^]*bundle/${name}\\.cjs'`))
  }
  t.same(Object.keys(manifest.bin).sort(), [...COMMANDS].sort())
  t.same(Object.keys(manifest.bin).sort(), commands.toSorted())
  t.same(manifest.man.toSorted(), filesOf('man'), 'every page is installed')
  for (const name of manifest.files.filter((name) => !/^!?dist\/bundle/.test(name))) t.ok(everything.some((path) => path === name || path.startsWith(`${name}/`)), name)
  for (const path of Object.values(manifest.scripts).flatMap((script) => script.match(/[\w./-]+\.(sh|js|ts)\b/g) ?? [])) t.ok(everything.includes(path.replace('dist/bundle/', 'src/cli/bin/')), path)
})

for (const name of commands) {
  t.test(`${name}: options, help and man page agree`, async (t) => {
    const { command } = (await import(`../src/cli/commands/${name.replace('flume-', '')}.js`)) as { command: Command }
    t.equal(command.name, name)
    t.ok(command.examples.length >= 2)
    const options = Object.keys({ ...command.options, ...COMMON }).sort()
    const page = read(`man/${name}.1`)
    const described = [...page.matchAll(/^\.It (.*)$/gm)].flatMap(([, entry]) => flagsOf(entry!))
    t.same([...new Set([...described, ...Object.keys(COMMON)])].sort(), options, 'each option has its entry in OPTIONS, and each entry its option')
    t.same(Object.keys(COMMON).filter((option) => !flagsOf(page).includes(option)), [], 'those of every command are named, too')
    for (const flag of flagsOf(page)) t.ok(options.includes(flag) || KNOWN_FLAGS().has(flag), `--${flag} of the page`)
    for (const [option, { default: value, max, describe }] of Object.entries(command.options)) {
      t.notMatch(describe, /\.$/, `--${option}: a phrase, not a sentence`)
      if (value !== undefined) t.ok(page.includes(value), `--${option}: its default ${value} is on the page`)
      if (max !== undefined) t.ok(page.includes(`at most ${max}`), `--${option}: its bound ${max} is on the page`)
    }
    for (const text of ['EXIT STATUS', 'EXAMPLES']) t.match(page, new RegExp(`^\\.Sh ${text}`, 'm'), text)
    for (const text of [/\bend of (the )?(input|file)|\bEOF\b/i, /SIGTERM/, /partial|newline|last line|half a line/i, /full disk|disk full|ENOSPC/i, /restart|next run|again/i]) t.match(page, text)
  })
}

t.test('flume(7) has the options of every command, and every exit status', async (t) => {
  const page = read('man/flume.7')
  for (const name of Object.keys(COMMON)) t.ok(flagsOf(page).includes(name), `--${name}`)
  for (const status of new Set(Object.values(STATUS))) t.match(page, new RegExp(`^\\.It ${status}$`, 'm'), String(status))
})

t.test('a command that is to be typed is not filled: on a terminal of 80 columns it could not be copied', async (t) => {
  for (const path of filesOf('man')) t.same((read(path).match(/^\.Dl (?=.*(flume-|jq )).*$/gm) ?? []).filter((line) => line.replaceAll(/\\(\(dq|e|&)/g, '.').length > 70), [], path)
})

t.test('a line to be typed stands on its page with its quotes: mdoc takes those away that a word begins with', async (t) => {
  for (const path of filesOf('man')) t.same(read(path).match(/^\.D[1l] (?:.* )?".*$/gm) ?? [], [], `${path}: \\(dq is a quote`)
})

/** Long options in mdoc: `.Fl -from`, `\-\-from`, or `--from`. */
function flagsOf(text: string): string[] {
  return [...text.matchAll(/(?:\bFl -|\\-\\-|(?<![-\w])--)([a-z][a-z0-9-]+)/g)].map(([, name]) => name!)
}

/** Long options of all commands as their pages have them: a page may speak of another command. */
function KNOWN_FLAGS(): Set<string> {
  return new Set(filesOf('man').flatMap((path) => [...read(path).matchAll(/^\.It (.*)$/gm)].flatMap(([, entry]) => flagsOf(entry!))))
}

t.test('README: its commands, scripts, options and files are there', async (t) => {
  const readme = read('README.md')
  const pages = manifest.man.map((path) => basename(path).replace(/\.\d$/, ''))
  for (const [name] of readme.matchAll(/(?<![\w./-])flume(-[a-z]+)+/g)) t.ok(name in manifest.bin || pages.includes(name), name)
  for (const [, script] of readme.matchAll(/npm run ([a-z]+)/g)) t.ok(script! in manifest.scripts, `npm run ${script}`)
  for (const [, page] of readme.matchAll(/`?\]\((man\/[^)]+|[A-Z]+(?:\.md)?|examples\/[^)]+)\)/g)) t.ok(everything.includes(page!), page!)
  for (const [, block] of readme.matchAll(/```sh\n([^]*?)```/g)) {
    for (const flag of flagsOf(block!)) t.ok(KNOWN_FLAGS().has(flag) || ['omit'].includes(flag), `--${flag}`)
  }
  const sinceLast = read('CHANGELOG.md')
  t.match(sinceLast, new RegExp(`^## ${(JSON.parse(read('package.json')) as { version: string }).version.replaceAll('.', '\\.')}`, 'm'), 'the changelog has this version')
})

t.test('PROOF.md: each test and command that it names is there, and each campaign is in it', async (t) => {
  const page = read('PROOF.md')
  const named = [...page.matchAll(/\[([^\]]+)\]\((test\/[^)]+)\)/g)]
  t.ok(named.length > 0)
  for (const [, name, path] of named) {
    const titles = read(path!).matchAll(/^ *(?:t\.test|rule)\((['`])(.*)\1,/gm)
    const pieces = name!.split('…').map((piece) => piece.trim())
    const is = (title: string): boolean => pieces.every((piece) => title.includes(piece)) && (pieces.length > 1 || title === name)
    t.ok([...titles].some(([, , title]) => is(title!.replaceAll("\\'", "'"))), `${path}: ${name}`)
  }
  const scripts = [...page.matchAll(/npm run (prove[a-z:-]*)/g)].map(([, script]) => script!)
  for (const script of scripts) t.ok(script in manifest.scripts, `npm run ${script}`)
  for (const script of Object.keys(manifest.scripts).filter((name) => name.startsWith('prove'))) t.ok(scripts.includes(script), `${script} has its place in PROOF.md`)
})
