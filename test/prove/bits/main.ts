/** One process of the campaign: INDEX STRIDE MOST [ONLY]; a line of JSON says what it found. */
import { boundBlocks } from '../memory.js'
import { explore } from './campaign.js'

boundBlocks(0)

const [index = 0, stride = 1, most = 1] = process.argv.slice(2, 5).map(Number)
process.stdout.write(`${JSON.stringify(await explore(index, stride, most, process.argv[5]))}\n`)
