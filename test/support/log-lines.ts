/** Lines as logs have them, and lines that went wrong: what parsers are tried with. The same in every run. */
import { bytesOf } from './ndjson.js'

const LINES = [
  '83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a/b.png?x=1 HTTP/1.1" 200 203023 "http://a.example/" "Mozilla/5.0 (X11; Linux) A/1.0"',
  'www.example.org:443 ::1 - a user [17/May/2015:10:05:43 +0200] "-" 408 - "-" "-" "10.0.0.1" 0.003 "more"',
  '10.0.0.1 id me [17/Dec/2015:23:59:60 +0000] "GET /\\"quoted\\" HTTP/1.0" 404 0 "\\\\" "é \\x22"',
  '<34>1 2003-10-11T22:14:15.003Z host app 123 ID47 [a@1 k="v" q="\\"x\\""][b] \ufeffmessage', '<13>Feb  5 17:32:18 10.0.0.99 su[77]: all is well',
  'Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0', '2015-07-29 17:41:44,747 - INFO  [main:Q@1] - done',
  '{"time":"2024-02-03T04:05:06Z","level":"info","n":1.50,"http":{"status":200,"a":{"b":[1,{"c":"d"}]}},"é":"\\u00e9\\n"}', '[1,"two",{"three":3},[]]',
  'level=info msg="all is \\"well\\"" dry time=1433157903 status=007 size=1.5K', '2024-02-03T04:05:06Z,info,"a ""b"", c",4', '1433157903.250\ttab\tseparated', '',
  'mail me@example.org card 4111 1111 1111 1111 password=hunter2 10.1.2.3', 'line one\nline two\r\nline three',
]

/** Bytes of a line, most often with something cut out of it, put into it, repeated or replaced. */
export function logLine(next: (below: number) => number): Buffer {
  let line = Buffer.from(LINES[next(LINES.length)]!)
  for (let changes = next(4); changes > 0; changes--) line = mutated(line, next)
  return line
}

/** The same bytes with one change. */
export function mutated(bytes: Buffer, next: (below: number) => number): Buffer<ArrayBuffer> {
  const at = next(bytes.length + 1)
  const to = Math.min(bytes.length, at + next(next(4) === 0 ? 40 : 3))
  switch (next(6)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytesOf(next, 1 + next(4)), bytes.subarray(at)])
    case 2:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, to), bytes.subarray(to)])
    case 3:
      return Buffer.from(bytes.subarray(0, at))
    case 4: {
      const flipped = Buffer.from(bytes)
      if (at < flipped.length) flipped[at]! ^= 1 << next(8)
      return flipped
    }
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(SIGNS[next(SIGNS.length)]!), bytes.subarray(at)])
  }
}

const SIGNS = [' ', '"', '\\', '[', ']', '] "', ' [', '-', ':', '=', '{', '}', ',', '<', '>', '\n', '\t', '\0', '%', '/', ' - ', '0', '9', 'é', '\u00a0', '__proto__', 'body', 'flume.x']
