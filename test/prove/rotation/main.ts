/** One process of the campaign: DIRECTORY ELSEWHERE STEPS FIRST STRIDE, each STRIDE-th case from FIRST; a line of JSON says what it found. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cases, faultOf, nameOf } from './cases.js'

export interface Looked {
  cases: number
  readonly faults: { name: string; fault: string }[]
}

/** More faults than these are not looked for. */
const FAULTS_MAX = 20
/** Cases at once: each waits for its files most of the time. */
const ABREAST = 8

/** `directory` and `elsewhere` are on different file systems where there are two. */
export async function look(directory: string, elsewhere: string, steps: number, first: number, stride: number): Promise<Looked> {
  const looked: Looked = { cases: 0, faults: [] }
  const all = cases(steps)
  let index = 0
  const lane = async (): Promise<void> => {
    for (const one of all) {
      if (index++ % stride !== first || looked.faults.length >= FAULTS_MAX) continue
      const places = [directory, elsewhere].map((path) => mkdtempSync(join(path, 'flume-rotation-')))
      const fault = await faultOf(one, places[0]!, places[1]!)
      looked.cases++
      if (fault !== undefined) looked.faults.push({ name: nameOf(one), fault })
      for (const place of places) rmSync(place, { recursive: true })
    }
  }
  await Promise.all(Array.from({ length: ABREAST }, lane))
  return looked
}

const [directory, elsewhere, ...numbers] = process.argv.slice(2)
if (directory !== undefined && elsewhere !== undefined) {
  const [steps = 2, first = 0, stride = 1] = numbers.map(Number)
  process.stdout.write(`${JSON.stringify(await look(directory, elsewhere, steps, first, stride))}\n`)
}
