/** One process of the campaign: TARGET SEED INPUTS | TARGET growth. A line of JSON for each step says how far it is, or what it found. */
import { assertKnown, explore } from './campaign.js'
import { grown } from './growth.js'
import { TARGETS } from './targets.js'

const [name = '', seed = '1', inputs = '1000'] = process.argv.slice(2)
const target = TARGETS.find((each) => each.name === name)
assertKnown(target, name)
const say = (step: object): void => void process.stdout.write(`${JSON.stringify(step)}\n`)
if (seed === 'growth') {
  let count = 0
  for await (const { input, ratio } of grown(target, (at) => say({ grown: count++, at }))) {
    say({ fault: `${ratio.toFixed(1)} times the work for eight times ${input}` })
  }
  say({ grown: count })
} else {
  const found = await explore(target, Number(seed), Number(inputs), (done) => say({ done }))
  say(found ?? { done: Number(inputs) })
}
say({ resident: process.resourceUsage().maxRSS * 1024 })
