/** One process of the campaign: SEED STRIDE SCHEDULES [trace [CHOICES]]; a line of JSON says what it found. */
import { explore } from './campaign.js'
import { Choices, faultOf } from './schedule.js'

Error.stackTraceLimit = 0 // a failed call of the kernel in miniature is nothing to look at, and traces are most of the work

const [seed = 1, stride = 1, schedules = 1000] = process.argv.slice(2, 5).map(Number)
if (process.argv[5] === 'trace') {
  const trace: string[] = []
  const fault = await faultOf(new Choices(seed, process.argv[6] === undefined ? undefined : (JSON.parse(process.argv[6]) as number[])), { trace })
  process.stdout.write(`${trace.join('\n')}\n${fault ?? 'all is well'}\n`)
} else {
  const said = (count: number): void => console.error(`seed ${seed} and each ${stride}th after it: ${count} schedules`)
  process.stdout.write(`${JSON.stringify(await explore(seed, stride, schedules, said))}\n`)
}
