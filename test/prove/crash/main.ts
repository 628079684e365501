/** One process of the campaign: SEED STRIDE STATES [TRIES]; a line of JSON says what it found, made shorter by so many tries. */
import { boundBlocks } from '../memory.js'
import { explore, faultOfCrash } from './campaign.js'
import { reduce, testOf } from './reduce.js'

Error.stackTraceLimit = 0 // each controller that ends a look makes an error, and traces are a good part of the work

const [seed = 1, stride = 1, states = 1000, tries = 0] = process.argv.slice(2).map(Number)
const explored = await explore(seed, stride, states, ({ phases }) => boundBlocks(Math.max(...phases.map(({ size }) => size))))
if (explored.found !== undefined && tries > 0) {
  const found = await reduce(explored.found, tries)
  const again = await faultOfCrash(found.work, found.crash)
  explored.found = { ...found, fault: again ?? found.fault }
  explored.test = again === undefined ? `// it does not come again: ${testOf(found)}` : testOf(found)
}
process.stdout.write(`${JSON.stringify(explored)}\n`)
