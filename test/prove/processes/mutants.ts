/** Deliberate bugs that do harm where several processes use a queue; `--mutants` puts each in place of the source. */
import type { Mutant } from '../bundle.js'

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'segments may go while a reader is being registered',
    edits: [{ file: 'channel/taker.ts', from: 'Lock.takeMoment(paths.readersLock,', to: 'Lock.takeMoment(`${paths.readersLock}.other`,' }],
  },
  {
    name: 'a segment may go before its last event was passed',
    edits: [{ file: 'channel/retention.ts', from: '(firsts[index + 1] ?? Infinity) > passed', to: '(firsts[index] ?? Infinity) >= passed' }],
  },
  {
    name: 'a segment that goes between the list and its opening is an error',
    edits: [{ file: 'channel/reading.ts', from: 'await openSegment(around.disk, path).catch(unlessMissing)', to: 'await openSegment(around.disk, path)' }],
  },
  {
    name: 'a segment that goes while a repair is planned is an error',
    edits: [{ file: 'channel/repair/strays.ts', from: '.catch(unlessMissing)', to: '' }],
  },
  {
    name: 'what was removed after the segment before it is said to be missing',
    edits: [{ file: 'channel/reading.ts', from: "if (first === listed[0]) this.#reason = 'removed'", to: '' }],
  },
  {
    name: 'a small file that goes between two calls is an error',
    edits: [{ file: 'disk/gone.ts', from: "if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined", to: '' }],
  },
  {
    name: 'of two that make a queue the last one names it',
    edits: [{ file: 'channel/identity.ts', from: 'put(disk, temporary, paths.identity, fresh)', to: 'put(disk, temporary, paths.identity, false)' }],
  },
  {
    name: 'a queue that another process has just made is called damaged',
    edits: [{ file: 'channel/identity.ts', from: 'if ((await disk.stat(paths.identity)) === undefined) throw refusal', to: 'throw refusal' }],
  },
  {
    name: 'two may put at once',
    edits: [{ file: 'channel/channel.ts', from: 'await Lock.take(paths.lock, `queue ${paths.directory} for putting`, around)', to: 'await Lock.take(`${paths.lock}.${around.uuid()}`, `queue ${paths.directory} for putting`, around)' }],
  },
  {
    name: 'a segment that has gone comes back compressed',
    edits: [{ file: 'channel/log.ts', from: 'if (!this.sealed.has(first)) return false', to: '' }],
  },
  {
    name: 'two replays of the same events do not look what the other has written',
    edits: [{ file: 'channel/replay-record.ts', from: 'const written = await read(around, path) //', to: 'const written = this.range && { ...this.range, binding } //' }],
  },
  {
    name: 'how far the log goes may go back',
    edits: [{ file: 'channel/published.ts', from: '!isAfter(this.#current, seen)', to: 'isAfter(this.#current, seen)' }],
  },
  {
    name: 'whoever has just taken a lock, and not yet said for how long, is not waited for',
    edits: [{ file: 'channel/lock.ts', from: 'if (pid === undefined) return TRIES_UNSAID', to: 'if (pid === undefined) return 1' }],
  },
  {
    name: 'whoever holds a lock for a moment is not waited for',
    edits: [{ file: 'channel/lock.ts', from: 'return moment ? TRIES_MOMENT : TRIES', to: 'return 1' }],
  },
]
