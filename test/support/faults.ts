/** What a proxy can do to a request and its answer. */
import { STATUS_CODES } from 'node:http'

/**
 * drop-before   the connection ends, and the server sees nothing of the request
 * drop-half     half of the body (without one: of the head) is forwarded, then both connections end
 * drop-after    all is forwarded and answered, and the connection ends in place of the answer
 * truncate      the answer ends in the middle of its body (without one: of its head)
 * delay         the answer is held until the test releases it
 * pause         the second half of the body is held until the test releases it
 * duplicate     the request is made twice, one after the other; the second answer is passed on
 */
export type Fault = 'drop-before' | 'drop-half' | 'drop-after' | 'truncate' | 'delay' | 'pause' | 'duplicate' | Substitute

/** Another answer in place of the server's. */
export interface Substitute {
  readonly status: number
  readonly body: string
  /** True: the request is forwarded all the same. */
  readonly after: boolean
}

export const STATUS_500: Substitute = { status: 500, body: '', after: false }
export const STATUS_500_AFTER: Substitute = { status: 500, body: '', after: true }

/** An error as WebHDFS tells it: 403, 'org.apache.hadoop.ipc.RetriableException'. */
export function remoteException(status: number, javaClassName: string, message = 'injected', after = false): Substitute {
  const exception = javaClassName.slice(javaClassName.lastIndexOf('.') + 1)
  return { status, body: JSON.stringify({ RemoteException: { exception, javaClassName, message } }), after }
}

/** Each by its name, for tests that try all. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  'drop-before': 'drop-before',
  'drop-half': 'drop-half',
  'drop-after': 'drop-after',
  truncate: 'truncate',
  delay: 'delay',
  duplicate: 'duplicate',
  'status-500': STATUS_500,
  'status-500-after': STATUS_500_AFTER,
  '403-retriable': remoteException(403, 'org.apache.hadoop.ipc.RetriableException'),
}

/** The answer as bytes. */
export function answerOf({ status, body }: Substitute): Buffer {
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
  return Buffer.from(head + body)
}
