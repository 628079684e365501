/** RFC 8259, beside JSON.parse(). */
import t from 'tap'
import { headerNumbers, walkJson } from '../../src/events/syntax.js'
import { numbersFrom } from '../support/ndjson.js'

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

t.test('walkJson() says where a text stops being JSON', async (t) => {
  const places: [text: string, at: number][] = [
    ['', 0], ['  ', 2], ['x', 0], ['{', 1], ['{]', 1], ['{"a"}', 4], ['{"a":}', 5], ['{"a":1,}', 7], ['[1,]', 3], ['[1 2]', 3],
    ['"a', 2], ['"a\tb"', 2], ['"\\x"', 1], ['"\\u12g4"', 1], ['01', 0], ['1.', 0], ['-', 0], ['+1', 0], ['nul', 0], ['truee', 0],
    ['[}', 1], [']', 0], [',', 0], ['{,', 1], ['{1:2}', 1], ['{"a":1 "b":2}', 7], ['1 1', 2], ['é', 0],
  ]
  for (const [text, at] of places) t.equal(walkJson(Buffer.from(text)), at, text)
})

t.test('whatever the text, it agrees with JSON.parse(), and what stands before the place could be JSON', async (t) => {
  const next = numbersFrom(11)
  const pieces = ['{', '}', '[', ']', ',', ':', '"', '"a"', '"b":', '\\', '\\u00e9', '1', '-0.5e+3', '.', 'true', 'null', ' ', '\t', '\u0001', 'é', '{"x":[', ']}']
  let valid = 0
  for (let round = 0; round < 50_000; round++) {
    const text = Array.from({ length: 1 + next(7) }, () => pieces[next(pieces.length)]!).join('')
    const json = Buffer.from(text)
    const at = walkJson(json)
    if (at === -1) valid++
    if ((at === -1) !== isJson(text)) t.fail(`${JSON.stringify(text)}: ${at}`)
    if (at >= 0 && ![-1, at].includes(walkJson(json.subarray(0, at)))) t.fail(`${JSON.stringify(text)}: not at ${at}`)
  }
  t.ok(valid > 500, `${valid} of them were JSON`)
})

t.test('brackets a million deep are JSON', async (t) => {
  const deep = '['.repeat(1e6)
  t.equal(walkJson(Buffer.from(deep + ']'.repeat(1e6))), -1)
  t.equal(walkJson(Buffer.from(deep)), 1e6)
})

t.test('headerNumbers() gives the numbers among the headers as they are written', async (t) => {
  const json = '{"a":1,"headers":{"a":1.0,"b":[2],"\\u0063":-3e2,"d":{"headers":4}},"x":{"headers":{"e":5}}}'
  t.strictSame(headerNumbers(Buffer.from(json)), new Map([['a', '1.0'], ['c', '-3e2']]))
  t.strictSame(headerNumbers(Buffer.from('{"headers":{"a":1},"headers":{"b":2}}')), new Map([['b', '2']]))
})
