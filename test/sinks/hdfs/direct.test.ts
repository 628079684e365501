/** A large file on this machine is written past the page cache, in whole pages; what is in it does not depend on that. */
import { join } from 'node:path'
import t from 'tap'
import type { Batch } from '../../../src/events/batch.js'
import { PAGE_SIZE, type Disk } from '../../../src/disk/disk.js'
import { nodeDisk } from '../../../src/disk/node.js'
import { filesBelow, frame, optionsOf, Sinking, type Wanted } from '../../support/sinking.js'

interface Write {
  readonly path: string
  readonly at: number
  readonly size: number
  /** Undefined: in several pieces. */
  readonly address: number | undefined
}

/** The disk, and what is written below a directory. */
function watched(directory: string): { readonly disk: Disk; readonly writes: Write[] } {
  const writes: Write[] = []
  const disk: Disk = {
    ...nodeDisk,
    async open(path, ...how) {
      const file = await nodeDisk.open(path, ...how)
      const write = file.write.bind(file)
      return !path.startsWith(directory) ? file : Object.assign(file, {
        write: (pieces: readonly Uint8Array[], at: number, direct?: boolean) => {
          const size = pieces.reduce((sum, { length }) => sum + length, 0)
          if (direct === true) writes.push({ path, at, size, address: pieces.length === 1 ? pieces[0]!.byteOffset : undefined })
          return write(pieces, at, direct)
        },
      })
    },
  }
  return { disk, writes }
}

/** Events of one batch, 1 MB of them, with so many characters each. */
const megabyte = (first: number, size: number, prefix = ''): Wanted[] =>
  Array.from({ length: Math.ceil(1e6 / size) }, (_, n) => ({ headers: { prefix }, body: `${first + n} `.padEnd(size, '.') }))

function framesOf(groups: readonly (readonly Wanted[])[]): { readonly frames: Batch[]; readonly text: string } {
  let first = 0
  const frames = groups.map((events) => {
    const made = frame(first, events)
    first += events.length
    return made
  })
  return { frames, text: groups.flat().map(({ body }) => `${body}\n`).join('') }
}

t.test('from its second megabyte on a file is written in whole pages, from memory that begins with one, but for its end', async (t) => {
  for (const size of [20, 237, 5000, 16_000]) {
    const directory = t.testdir({})
    const { disk, writes } = watched(join(directory, 'out'))
    const { frames, text } = framesOf(Array.from({ length: 6 }, (_, n) => megabyte(n * 1e6, size)))
    const run = new Sinking(optionsOf(directory), frames, disk)
    t.equal(await run.ended, undefined)
    t.ok(Object.values(await filesBelow(join(directory, 'out'))).join('') === text, `lines of ${size}`)
    const large = writes.filter(({ at }) => at > 1.1e6).slice(0, -1)
    t.ok(large.length >= 3, `${large.length} writes`)
    for (const { at, size, address } of large) t.same([at % PAGE_SIZE, size % PAGE_SIZE, address! % PAGE_SIZE], [0, 0, 0], `${size} bytes at ${at}`)
  }
})

t.test('with more large files than there are large blocks each has its own lines, once and in order', async (t) => {
  const directory = t.testdir({})
  const prefixes = Array.from({ length: 12 }, (_, n) => `p${n}`)
  const groups = Array.from({ length: 60 }, (_, n) => megabyte(n * 1e6, 300 + 7 * n, prefixes[n % prefixes.length]))
  const run = new Sinking(optionsOf(directory, { prefix: '%{prefix}' }), framesOf(groups).frames)
  t.equal(await run.ended, undefined)
  const files = await filesBelow(join(directory, 'out'))
  for (const prefix of prefixes) {
    const text = Object.entries(files).filter(([name]) => name.startsWith(`${prefix}.`)).map(([, bytes]) => bytes).join('')
    t.ok(text === framesOf(groups.filter(([event]) => event!.headers!['prefix'] === prefix)).text, prefix)
  }
})
