/** One process of the campaign: SEED STRIDE SCHEDULES; a line of JSON says what it found. */
import { boundBlocks } from '../memory.js'
import { explore } from './campaign.js'

process.env['UV_THREADPOOL_SIZE'] = '1' // so that time stands still while it works: turns.ts
boundBlocks(400)
const [seed = 1, stride = 1, schedules = 1000] = process.argv.slice(2).map(Number)
process.stdout.write(`${JSON.stringify(await explore(seed, stride, schedules))}\n`)
