/** flume-buffer --repair: what there is to mend, one line each, and a sum; with --apply, done. */
import type { OpenHow, Surroundings } from '../channel/channel.js'
import { planRepair, type Plan } from '../channel/repair/plan.js'
import { Repair } from '../channel/repair/repair.js'
import type { Step } from '../channel/repair/step.js'
import type { Paths } from '../channel/surroundings.js'
import { writeAll } from '../disk/descriptor.js'
import type { End } from '../pipe/output-options.js'
import { counted, sizeText } from './amounts.js'
import { FOUND_WRONG } from './exit.js'
import { visible } from './report.js'

interface How {
  readonly apply: boolean
  readonly json: boolean
  readonly accept: OpenHow['accept']
}

/** Prints to a descriptor; returns how to end. */
export async function printRepair(fd: number, paths: Paths, around: Surroundings, { apply, json, accept }: How, stop: AbortSignal): Promise<End> {
  const print = (text: string): void => writeAll(fd, text, Infinity)
  if (!apply) {
    const plan = await planRepair(paths, around, accept, stop)
    if (stop.aborted) return 0
    print(stepsText(plan.steps, json) + (json ? summaryOf(plan) : planText(plan)))
    return plan.steps.length > 0 ? FOUND_WRONG : 0
  }
  const repair = await Repair.open(paths, around, accept, stop)
  try {
    const { plan } = repair
    if (stop.aborted) return 0
    print(stepsText(plan.steps, json))
    await repair.apply()
    print(json ? summaryOf(plan, repair.originals) : doneText(plan, repair.originals))
    return leftOf(plan) > 0 ? FOUND_WRONG : 0
  } finally {
    await repair.close()
  }
}

function stepsText(steps: readonly Step[], json: boolean): string {
  return steps.map((step) => `${json ? JSON.stringify(step) : lineOf(step)}\n`).join('')
}

/** `/q/segments/00000000000000000000.seg: byte 4711: 312 bytes are no frame: is written new, …; costs …` */
function lineOf({ file, byte, reason, does, costs, first, last }: Step): string {
  const place = byte === null ? '' : ` byte ${byte}:`
  const events = first === undefined ? '' : first === last ? ` (event ${first})` : ` (events ${first} to ${last})`
  return visible(`${file}:${place} ${reason}${events}: ${does}; costs ${costs}`)
}

function planText(plan: Plan): string {
  if (plan.steps.length === 0) return 'there is nothing to mend\n'
  const all = leftOf(plan) === plan.steps.length
  return `${counted(plan.steps.length, 'thing')} to mend${sumOf(plan)}; nothing was changed${all ? '' : ', --repair --apply does it'}\n`
}

function doneText(plan: Plan, originals: string | undefined): string {
  if (plan.steps.length === 0) return 'there is nothing to mend\n'
  const kept = originals === undefined ? '' : `; what was replaced is in ${visible(originals)}`
  return `${counted(plan.steps.length - leftOf(plan), 'thing')} mended${sumOf(plan)}${kept}\n`
}

function sumOf(plan: Plan): string {
  const lost = lostOf(plan)
  const left = leftOf(plan)
  return [
    plan.bytes === 0 ? '' : `, ${sizeText(plan.bytes)} written new`,
    lost === 0 ? '' : `, ${counted(lost, 'event')} lost already`,
    left === 0 ? '' : `, ${left} left as ${left === 1 ? 'it is' : 'they are'}`,
  ].join('')
}

function summaryOf(plan: Plan, originals?: string): string {
  const { steps, bytes } = plan
  return `${JSON.stringify({ kind: 'summary', steps: steps.length, left: leftOf(plan), lost: lostOf(plan), bytes, originals })}\n`
}

function leftOf({ steps }: Plan): number {
  return steps.filter(({ left }) => left).length
}

function lostOf({ steps }: Plan): number {
  return steps.reduce((sum, { first, last }) => sum + (first === undefined || last === undefined ? 0 : last - first + 1), 0)
}
