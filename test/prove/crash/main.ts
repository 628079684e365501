/** One process of the campaign: SEED STRIDE STATES [reduce]; a line of JSON says what it found. */
import { boundBlocks } from '../memory.js'
import { explore, faultOfCrash } from './campaign.js'
import { reduce, testOf } from './reduce.js'

const [seed = 1, stride = 1, states = 1000] = process.argv.slice(2, 5).map(Number)
const explored = await explore(seed, stride, states, ({ phases }) => boundBlocks(Math.max(...phases.map(({ size }) => size))))
if (explored.found !== undefined && process.argv[5] === 'reduce') {
  const found = await reduce(explored.found)
  const again = await faultOfCrash(found.work, found.crash)
  explored.found = found
  explored.test = again === undefined ? `// it does not come again: ${testOf(found)}` : testOf(found)
}
process.stdout.write(`${JSON.stringify(explored)}\n`)
