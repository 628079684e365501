/** One process of the campaign: INDEX STRIDE MOST [ONLY]; a line of JSON says what it found. */
import { explore } from './campaign.js'

// the queues here are of a few KiB: with blocks of a MiB a process would do little but give memory back
const allocate = Buffer.allocUnsafeSlow
Buffer.allocUnsafeSlow = (size) => allocate(Math.min(size, 64 * 1024))

const [index = 0, stride = 1, most = 1] = process.argv.slice(2, 5).map(Number)
process.stdout.write(`${JSON.stringify(await explore(index, stride, most, process.argv[5]))}\n`)
