import t from 'tap'
import fc from 'fast-check'
import { createRequire } from 'node:module'
import glob from 'fast-glob'
import { absolute, escapePath, isDynamic } from '../../src/sources/pattern.js'

/** Made of what means something in a pattern. */
const names = fc.string({ unit: fc.constantFrom(...'\\*?![](){}|+@,./a1-'), minLength: 1, maxLength: 12 })

t.test('a name is a pattern where fast-glob says so, and its directory is escaped as fast-glob does', async (t) => {
  fc.assert(fc.property(names, (name) => {
    if (isDynamic(name) !== glob.isDynamicPattern(name)) throw new Error(`is ${name} a pattern?`)
    if (escapePath(name) !== glob.escapePath(name)) throw new Error(`${name} is escaped as ${escapePath(name)}`)
  }), { numRuns: 20_000 })
  t.pass()
})

t.test('wildcards in the directory where flume-tail was started stand for themselves', async (t) => {
  t.equal(absolute('*.log', '/srv/[a]*'), '/srv/\\[a\\]\\*/*.log')
  t.equal(absolute('x.log', '/srv/[a]*'), '/srv/[a]*/x.log')
})

t.test('names are matched by the picomatch that fast-glob matches with', async (t) => {
  const require = createRequire(import.meta.url)
  const its = createRequire(createRequire(require.resolve('fast-glob')).resolve('micromatch')).resolve('picomatch')
  t.equal(require.resolve('picomatch'), its)
})
