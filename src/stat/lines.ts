/** Which stages stand in one line: the stdout of the one is the stdin of the next. */
import { resolve } from 'node:path'
import type { Answers, Silent } from './ask.js'
import type { StageStat } from './report.js'

export type Member = StageStat | Silent

/** Each from its source to its end. A stage whose neighbour is not of ours begins or ends a line. */
export function linesOf({ stages, silent }: Answers): Member[][] {
  const all: readonly Member[] = [...stages, ...silent]
  const left = new Set(all)
  const follows = (one: Member, other: Member): boolean => one.output !== undefined && one.output === other.input && one !== other
  const lines: Member[][] = []
  const heads = all.filter((stage) => !all.some((other) => follows(other, stage)))
  for (const head of [...heads, ...all]) {
    const line: Member[] = []
    for (let next: Member | undefined = head; next !== undefined && left.delete(next);) {
      const last: Member = next
      line.push(last)
      next = all.find((other) => left.has(other) && follows(last, other))
    }
    if (line.length > 0) lines.push(line)
  }
  return lines
}

/** The lines with a stage that is about one of these, a queue or a file; without any, all. */
export function only(answers: Answers, names: readonly string[], directory: string): Answers {
  if (names.length === 0) return answers
  const paths = names.map((name) => resolve(directory, name))
  const meant = (member: Member): boolean => 'about' in member && paths.some((path) => member.about.includes(path))
  const members = new Set(linesOf(answers).filter((line) => line.some(meant)).flat())
  const silent = answers.silent.filter((one) => members.has(one))
  return { ...answers, stages: answers.stages.filter((one) => members.has(one)), silent, unknown: answers.silent.length - silent.length }
}
