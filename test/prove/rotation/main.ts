/** One process of the campaign: DIRECTORY ELSEWHERE STEPS CALLS FIRST STRIDE, each STRIDE-th case from FIRST; a line of JSON says what it found. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as between from './between.js'
import * as sequence from './cases.js'

export interface Looked {
  cases: number
  readonly faults: { name: string; fault: string }[]
}

/** More faults than these are not looked for. */
const FAULTS_MAX = 20
/** Cases at once: each waits for its files most of the time. */
const ABREAST = 8

interface Case {
  readonly name: string
  /** The directories are empty. Undefined where all is well. */
  readonly faultIn: (directory: string, elsewhere: string) => Promise<string | undefined>
}

function* cases(steps: number, calls: number): Generator<Case> {
  for (const one of sequence.cases(steps)) yield { name: sequence.nameOf(one), faultIn: (...places) => sequence.faultOf(one, ...places) }
  for (const one of between.betweenCalls(calls)) yield { name: between.nameOf(one), faultIn: (...places) => between.faultOf(one, ...places) }
}

/** `directory` and `elsewhere` are on different file systems where there are two. */
async function look(directory: string, elsewhere: string, steps: number, calls: number, first: number, stride: number): Promise<Looked> {
  const looked: Looked = { cases: 0, faults: [] }
  const all = cases(steps, calls)
  let index = 0
  const lane = async (): Promise<void> => {
    for (const one of all) {
      if (index++ % stride !== first || looked.faults.length >= FAULTS_MAX) continue
      const places = [directory, elsewhere].map((path) => mkdtempSync(join(path, 'flume-rotation-')))
      const fault = await one.faultIn(places[0]!, places[1]!)
      looked.cases++
      if (fault !== undefined) looked.faults.push({ name: one.name, fault })
      for (const place of places) rmSync(place, { recursive: true })
    }
  }
  await Promise.all(Array.from({ length: ABREAST }, lane))
  return looked
}

const [directory, elsewhere, ...numbers] = process.argv.slice(2)
if (directory !== undefined && elsewhere !== undefined) {
  const [steps = 2, calls = 10, first = 0, stride = 1] = numbers.map(Number)
  process.stdout.write(`${JSON.stringify(await look(directory, elsewhere, steps, calls, first, stride))}\n`)
}
