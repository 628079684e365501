/** Which outputs get a line by rules: the same from its head alone as from the whole event, for lines of every shape. */
import t from 'tap'
import { FlumeError } from '../../src/errors.js'
import type { Mark } from '../../src/events/batch.js'
import { parseEvent } from '../../src/events/json.js'
import { Choice, type Wants } from '../../src/routes/choice.js'
import { parseRule } from '../../src/routes/rule.js'
import { Subject } from '../../src/routes/subject.js'
import { randomOf } from '../support/numbered-log.js'

const PLACE: Mark = { partition: 'pipe.x', from: null, to: { offset: 1 }, time: 0, replayable: true }

/** Lines by output, rejected ones, and how many nobody took; `lines` in one batch. */
function chosen(wants: readonly Wants[], lines: readonly Buffer[]): { outputs: string[]; refused: string[]; lost: number } {
  const refused: string[] = []
  let lost = 0
  const choice = new Choice(wants, { add: (line) => void refused.push(Buffer.from(line).toString('latin1')) }, (count) => (lost += count))
  const { portions } = choice.select({ lines: Buffer.concat(lines), count: lines.length, mark: null }, PLACE)
  return { outputs: portions.map((portion) => portion?.lines.toString('latin1') ?? ''), refused, lost }
}

/** The same, each line parsed as a whole. */
function expected(rules: readonly string[], lines: readonly Buffer[]): { outputs: string[]; refused: string[]; lost: number } {
  const outputs = [...rules.map(() => ''), '']
  const refused: string[] = []
  const lost = 0
  for (const line of lines) {
    const text = line.toString('latin1')
    try {
      const subject = new Subject(parseEvent(line))
      const held = rules.map((rule) => parseRule(rule)(subject) || subject.header('flume.gap') !== undefined)
      for (const [index, holds] of held.entries()) if (holds) outputs[index] += text
      if (!held.includes(true) || subject.header('flume.gap') !== undefined) outputs[rules.length] += text
    } catch (error) {
      if (!(error instanceof FlumeError)) throw error
      refused.push(text)
    }
  }
  return { outputs, refused, lost }
}

const line = (text: string): Buffer => Buffer.from(`${text}\n`)
const SHAPES = [
  '{"headers":{"h":"a","timestamp":"1"},"body":"x"}', '{"headers":{"h":"a","timestamp":"2"},"body":"x"}', '{"headers":{"h":"b"},"body":"say \\"a\\" \\\\"}',
  '{"body":"x","headers":{"h":"a"}}', '{"body":"x","headers":{"h":"a"},"k":"v"}', '{"headers":{"h":"b"},"body":"x","headers":{"h":"a"},"k":"v"}',
  '{"headers":{"h":1},"body":"{\\"n\\":5,\\"h\\":\\"a\\"}"}', '{"body":"{\\"h\\":\\"a\\",\\"n\\":7}"}', '{"headers":{},"body":""}', '{}', '{"headers":{"h":"a"}}',
  '{"headers":{"flume.gap":"1"},"body":"x"}', '{"headers":{"h":"a","content-transfer-encoding":"base64"},"body":"eA=="}', ' {"headers": {"h": "a"}, "body": "x"} ',
  '{"headers":{"h":"\\u0061"},"body":"\\u0078\\n"}', '{"headers":{"h":"a"},"body":"é😀"}', '{"headers":{"x":"}\\",\\"body\\":\\""},"body":"x"}',
].map(line)
/** No events, and a rule that looks at the body sees it. */
const BROKEN = ['{"headers":{"h":"a"},"body":"x', '{"headers":{"h":"a"},"body":5}', '{"headers":{"h":"a"},"body":"\\ud800"}', 'x', '[]', '{"headers":[],"body":"x"}'].map(line)
const RULES = [['h=a'], ['h=a', 'timestamp=1'], ['. ~ x'], ['h=a', '.n>5'], ['not h', '.h=a'], ['missing or . = ""']]

t.test('the same outputs as when each line is parsed, whatever its shape and what stood before it', (t) => {
  const pick = randomOf(7)
  for (let round = 0; round < 400; round++) {
    const rules = RULES[pick(RULES.length)]!
    const looksInside = rules.some((rule) => rule.includes('. ')) && rules.length === 1
    const lines = Array.from({ length: 1 + pick(12) }, () => (looksInside && pick(6) === 0 ? BROKEN[pick(BROKEN.length)]! : SHAPES[pick(SHAPES.length)]!))
    if (looksInside && pick(3) === 0) lines.push(Buffer.from('{"headers":{"h":"a"},"body":"\xff"}\n', 'latin1'))
    const wants: Wants[] = [...rules.map(parseRule), 'otherwise']
    t.strictSame(chosen(wants, lines), expected(rules, lines), `${rules.join(', ')}: ${Buffer.concat(lines).toString()}`)
  }
  t.end()
})

t.test('a rule on a header does not look into the body', (t) => {
  const broken = line('{"headers":{"h":"a"},"body":"\\q"}')
  t.strictSame(chosen([parseRule('h=a'), 'otherwise'], [broken]), { outputs: [broken.toString(), ''], refused: [], lost: 0 })
  t.strictSame(chosen([parseRule('. ~ x'), 'otherwise'], [broken]).refused, [broken.toString()])
  t.end()
})

t.test('a line that is too long for the expression of a rule is refused, and the next is not', (t) => {
  const long = line(`{"headers":{},"body":"${'ab'.repeat(8_000_000)}"}`)
  const { outputs, refused } = chosen([parseRule('. ~ "^(a|b)*$"'), 'otherwise'], [long, line('{"body":"ab"}')])
  t.equal(refused.length, 1)
  t.ok(refused[0] === long.toString())
  t.strictSame(outputs, ['{"body":"ab"}\n', ''])
  t.end()
})

t.test('rules made of anything are understood or refused with their place', (t) => {
  const pick = randomOf(11)
  const words = ['a', '.a', '.', '.a[0]', '"b c"', '=', '!=', '~', '!~', '<', '>=', 'glob', '(', ')', 'and', 'or', 'not', '1', '"', '[', '*', '.."', '\\', '{', '🙂', ' ']
  const subject = new Subject(parseEvent(line('{"headers":{"a":"1"},"body":"{\\"a\\":[1]}"}')))
  let understood = 0
  for (let round = 0; round < 20_000; round++) {
    const text = Array.from({ length: 1 + pick(8) }, () => words[pick(words.length)]).join(pick(2) === 0 ? ' ' : '')
    try {
      t.type(parseRule(text)(subject), 'boolean')
      understood++
    } catch (error) {
      if (!(error instanceof FlumeError) || error.code !== 'BAD_OPTION' || !/ at (its end|character \d+)/.test(error.message)) t.fail(`${text}: ${String(error)}`)
    }
  }
  t.ok(understood > 100)
  t.end()
})
