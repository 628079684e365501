/** What system calls say where there is no room, and where there are no links. */
import { errnoOf } from '../errors.js'

/** vfat, exFAT, CIFS, many of FUSE. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS'])

/** The disk, or what we may use of it, is full: waiting helps. */
export function isNoSpace(error: unknown): boolean {
  const errno = errnoOf(error)
  return errno === 'ENOSPC' || errno === 'EDQUOT'
}

/** What link(2) says where there are none for this file, or on this file system. */
export function hasNoLinks(error: unknown): boolean {
  return NO_LINKS.has(errnoOf(error) ?? '')
}
