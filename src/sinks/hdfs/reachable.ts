/**
 * Whether a directory can be made on this machine, before the sink says hello: a queue binds its reader to the place that it is given
 * events for, and nothing may lie in one that never can be.
 */
import { dirname } from 'node:path'
import type { Disk } from '../../disk/disk.js'
import { errnoOf, FlumeError } from '../../errors.js'

/** `path`: absolute, with escapes; what stands before the first of them is looked at. Throws CANNOT_CREATE where a file is in the way. */
export async function checkReachable(disk: Disk, path: string): Promise<void> {
  for (let at = fixedPart(path); ; at = dirname(at)) {
    const stat = await disk.stat(at).catch((error: unknown) => (errnoOf(error) === 'ENOTDIR' ? undefined : 'hidden'))
    if (stat === 'hidden' || (typeof stat === 'object' && stat.kind === 'directory') || (stat === undefined && at === '/')) return
    if (stat !== undefined) throw new FlumeError('CANNOT_CREATE', `cannot list ${at}: not a directory`)
  }
}

function fixedPart(path: string): string {
  const escape = path.indexOf('%')
  return escape < 0 ? path : path.slice(0, path.lastIndexOf('/', escape)) || '/'
}
