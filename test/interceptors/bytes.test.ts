/** Bodies that are not UTF-8: bytes that came stay those bytes, and text that is put in goes out as UTF-8. */
import t from 'tap'
import { ran, type Passed } from '../support/intercepting.js'

const ENCODING = 'content-transfer-encoding'

/** The bodies that come out of an event with these headers and this body. */
async function bodies(line: readonly string[], body: Buffer, headers: Record<string, string> = {}): Promise<Buffer[]> {
  const event = { headers: { ...headers, [ENCODING]: 'base64' }, body: body.toString('base64') }
  const { out } = await ran(line, `${JSON.stringify(event)}\n`)
  return out.split('\n').slice(0, -1).map((text) => {
    const { headers, body } = JSON.parse(text) as Passed
    return Buffer.from(body!, headers?.[ENCODING] === 'base64' ? 'base64' : 'utf8')
  })
}

t.test('a text that takes the place of such a body goes out as UTF-8', async (t) => {
  const cases: [line: string[], expected: string][] = [
    [['--copy', 'msg=body'], 'é 日本 😀'],
    [['--rename', 'msg=body'], 'é 日本 😀'],
    [['--static', 'body=日本'], '日本'],
    [['--static', 'body=é'], 'é'],
    [['--to-json', 'msg'], '{"msg":"é 日本 😀"}'],
    [['--to-json', 'msg', '--replace', 's/é/日/'], '{"msg":"日 日本 😀"}'],
    [['--copy', 'msg=body', '--split', 'lines'], 'é 日本 😀'],
    [['--copy', 'body=old', '--copy', 'old=body'], 'ÿa'],
  ]
  for (const [line, expected] of cases) {
    t.strictSame(await bodies(line, Buffer.from([0xff, 0x61]), { msg: 'é 日本 😀' }), [Buffer.from(expected)], line.join(' '))
  }
})

t.test('--replace leaves the bytes that came, and what it puts in is UTF-8', async (t) => {
  const body = Buffer.from([0x61, 0xff, 0xe9, 0x62])
  const cases: [rule: string, expected: (string | number)[]][] = [
    ['s/^.*/日本/', ['日本']],
    ['s/a/é日/', ['é日', 0xff, 0xe9, 'b']],
    ['s/(a)(.)/$2日$1$$/', [0xff, '日a$', 0xe9, 'b']],
    ['s/(?<é>\u00e9)/<$<é>é>/', ['a', 0xff, '<', 0xe9, 'é>', 'b']],
    ['s/\u00e9/$$<é>/', ['a', 0xff, '$<é>', 'b']],
  ]
  const bytes = (parts: (string | number)[]): Buffer => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.from([part]))))
  for (const [rule, expected] of cases) t.strictSame(await bodies(['--replace', rule], body), [bytes(expected)], rule)
})

t.test('what has become UTF-8 on the way is text to the interceptors behind', async (t) => {
  const body = Buffer.concat([Buffer.from('日\n'), Buffer.from([0xff])])
  t.strictSame(await bodies(['--split', 'lines', '--replace', 's/日/x/'], body), [Buffer.from('x'), Buffer.from([0xff])])
  t.strictSame(await bodies(['--replace', 's/\\n.*//', '--filter', '^日$'], body), [Buffer.from('日')])
})

t.test('--split leaves the bytes of each part, and refuses JSON that is not UTF-8 and escapes what is no byte', async (t) => {
  const json = Buffer.from('["\u00ff","\\u0061"]', 'latin1')
  t.strictSame(await bodies(['--split', 'json'], json), [Buffer.from([0xff]), Buffer.from('a')])
  const line = `{"headers":{"${ENCODING}":"base64"},"body":"${Buffer.from('["\u00ff","\\u65e5"]', 'latin1').toString('base64')}"}\n`
  const { out } = await ran(['--split', 'json'], line)
  t.match(JSON.parse(out), { headers: { 'flume.error': '--split json: it is not UTF-8, as JSON is' }, body: Buffer.from('["\u00ff","\\u65e5"]', 'latin1').toString('base64') })
})
