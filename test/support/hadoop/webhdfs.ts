/** As little of WebHDFS as the tests need to look into a cluster without the code under test. */
import { userInfo } from 'node:os'
import { request, type Answer } from './http.js'

/** Who started the daemons: HDFS lets nobody do more. */
const USER = userInfo().username

/** `/logs/a b`, `OPEN` to the address of that operation at `http`, a NameNode or a proxy in front of it. */
export function urlOf(http: string, path: string, op: string, parameters: Record<string, string> = {}): string {
  const query = new URLSearchParams({ op, 'user.name': USER, ...parameters })
  return `${http}/webhdfs/v1${path.split('/').map(encodeURIComponent).join('/')}?${query.toString()}`
}

/** Writes a file in the two steps of WebHDFS; the last answer. */
export async function put(http: string, path: string, body: Uint8Array | string, parameters: Record<string, string> = {}): Promise<Answer> {
  const first = await request('PUT', urlOf(http, path, 'CREATE', { noredirect: 'true', ...parameters }))
  if (first.status !== 200) return first
  return request('PUT', locationOf(first), body)
}

/** Reads a file whole; the last answer. */
export async function get(http: string, path: string): Promise<Answer> {
  const first = await request('GET', urlOf(http, path, 'OPEN', { noredirect: 'true' }))
  if (first.status !== 200) return first
  return request('GET', locationOf(first))
}

/** Where a NameNode sends us; it does not encode what is not ASCII. */
export function locationOf(answer: Answer): string {
  const { Location } = JSON.parse(answer.body.toString()) as { Location: string }
  return Location.replace(/[^\x21-\x7e]+/g, encodeURIComponent)
}
