/**
 * Who reads a pipe whose writer has met no flume reader. The answer decides how long the writer waits, never what is
 * right: a reader that comes later voids what it finds.
 */
import { dirname } from 'node:path'
import type { FdStat } from '../disk/fd.js'
import { hiddenInGroup, mayBeOutside, readersOf, sees } from '../disk/proc.js'
import type { Holder } from '../disk/proc.js'
import { addressesOf } from '../disk/sockets.js'

export type Look =
  | { readonly is: 'nobody' }
  /** A flume stage has the pipe as its standard input, or a flume-route as any of its inputs: it will come. */
  | { readonly is: 'flume'; readonly holder: Holder }
  /** Programs that read, and are no flume stages, or one that does not find the socket: it is `unseen` in this directory. */
  | { readonly is: 'reading'; readonly holder: Holder; readonly unseen?: string }
  /** `hidden`: nobody is seen, nor can be who is that. */
  | { readonly is: 'unclear'; readonly holder?: Holder; readonly hidden?: string }

const OUTSIDE: Look = { is: 'unclear', hidden: 'outside of this pid namespace' }
const SHELL = /^((ba|da|z|k|mk|a|fi|tc|c)?sh[\d.]*|busybox)$/
const WRAPPERS = new Set(
  ('sudo doas su runuser env timeout nice ionice nohup setsid setpriv stdbuf time chrt taskset chroot flock unshare nsenter ' +
    'npx npx-cli.js npm npm-cli.js script systemd-run xargs sleep').split(' '),
)
const INTERPRETER = /^(node|nodejs|python[\d.]*|perl[\d.]*|ruby[\d.]*)$/

/** `self`: a process, and its effective user. `own`: the pipe is one that it has made for a command of its own. */
export function lookAt(pipe: FdStat, self: { readonly pid: number; readonly uid: number; readonly own?: boolean }): Look {
  const holders = readersOf(pipe, self.pid)
  const isOutside = (): boolean => self.own !== true && mayBeOutside(pipe)
  if (holders === undefined) return isOutside() ? OUTSIDE : { is: 'unclear' }
  const stages = holders.filter(({ fd, program }) => program === 'flume-route' || (fd === 0 && /^flume-/.test(program)))
  const paths = addressesOf(pipe, self.uid).map(({ path }) => path)
  const flume = stages.find(({ pid }) => sees(pid, paths))
  if (flume) return { is: 'flume', holder: flume }
  if (stages[0]) return { is: 'reading', holder: stages[0], unseen: dirname(paths[0]!) }
  const reading = holders.find((holder) => holder.reading)
  if (reading) return { is: 'reading', holder: reading }
  const unclear = holders.find(({ program }) => mayBecomeAnother(program))
  if (unclear) return { is: 'unclear', holder: unclear }
  if (holders[0]) return { is: 'reading', holder: holders[0] }
  if (hiddenInGroup(self.pid)) return { is: 'unclear', ...(self.uid !== 0 && self.uid !== pipe.uid && { hidden: 'of another user' }) }
  return isOutside() ? OUTSIDE : { is: 'nobody' }
}

/** For people: `jq, pid 12`. */
export function nameOf({ program, pid }: Holder): string {
  return `${program || 'an unknown program'}, pid ${pid}`
}

/** A program that may start, or turn into, a flume stage that inherits the pipe. */
function mayBecomeAnother(program: string): boolean {
  return program === '' || SHELL.test(program) || WRAPPERS.has(program) || INTERPRETER.test(program) || /^flume-/.test(program)
}
