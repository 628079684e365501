/** Deliberate bugs of the queue, each a change of its source: the campaign must find them all. */
import type { Mutant } from '../bundle.js'

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a segment is not synced before the ack',
    edits: [{ file: 'channel/segment.ts', from: '      await this.file.sync()\n    } catch (cause) {\n      // the kernel', to: '    } catch (cause) {\n      // the kernel' }],
  },
  {
    name: 'what was written is acked',
    edits: [{ file: 'channel/commit.ts', from: '        await this.committing.log.sync()\n        this.durable = written', to: '        this.durable = written\n        await this.committing.log.sync()' }],
  },
  {
    name: 'what was written during a sync counts as synced',
    edits: [{ file: 'channel/commit.ts', from: '        const { written } = this\n        await this.committing.log.sync()\n        this.durable = written', to: '        await this.committing.log.sync()\n        this.durable = this.written' }],
  },
  {
    name: 'a batch is acked when it is taken',
    edits: [{ file: 'channel/putter.ts', from: 'at: this.#commit.added })', to: 'at: this.#commit.durable })' }],
  },
  {
    name: 'a new segment is not synced before it is named',
    edits: [{ file: 'channel/log.ts', from: '      await file.write([start], 0)\n      await file.sync()', to: '      await file.write([start], 0)' }],
  },
  {
    name: 'the directory of the segments is not synced after a roll',
    edits: [{ file: 'channel/log.ts', from: '      await disk.rename(temporary, path)\n      await disk.syncDirectory(this.paths.segments)', to: '      await disk.rename(temporary, path)' }],
  },
  {
    name: 'a new segment begins without the positions',
    edits: [{ file: 'channel/log.ts', from: 'this.next, clock.now(), this.table)', to: 'this.next, clock.now(), new Map())' }],
  },
  {
    name: 'the end of a sync is that of the file after it',
    edits: [{ file: 'channel/segment.ts', from: '    this.durable = end\n  }', to: '    this.durable = this.end\n  }' }],
  },
  {
    name: 'the page that is written again begins with what is at hand',
    edits: [{ file: 'channel/pages.ts', from: 'const held = this.#file === file && this.#end === at', to: 'const held = true' }],
  },
  {
    name: 'a segment keeps the zeros at its end',
    edits: [{ file: 'channel/log.ts', from: '    await old.seal()\n', to: '' }],
  },
  {
    name: 'the cut of the zeros is not synced',
    edits: [{ file: 'channel/segment.ts', from: '      await this.file.truncate(this.end)\n      await this.file.sync()', to: '      await this.file.truncate(this.end)' }],
  },
  {
    name: 'recovery does not sync the last segment',
    edits: [{ file: 'channel/last.ts', from: '    at += await file.write([bytes.subarray(0, count)], at)\n  }\n  await file.sync()', to: '    at += await file.write([bytes.subarray(0, count)], at)\n  }' }],
  },
  {
    name: 'recovery believes what follows damage',
    edits: [{ file: 'channel/recover.ts', from: 'return step.damaged && step.place >= this.durable', to: 'return false' }],
  },
  {
    name: 'recovery keeps half a batch',
    edits: [{ file: 'channel/recover.ts', from: 'if (!step.continues) this.good', to: 'this.good' }],
  },
  {
    name: 'a compressed segment is not synced before it takes the place of the other',
    edits: [{ file: 'channel/compress.ts', from: '    await target.sync()\n', to: '' }],
  },
  {
    name: 'recovery forgets the positions of a frame',
    edits: [{ file: 'channel/recover.ts', from: 'else applyChanges(this.table, step.changes)', to: '' }],
  },
  {
    name: 'the checksum of the lines is not looked at',
    edits: [{ file: 'channel/segment.ts', from: 'return crc32(part) === checksum ? part : undefined', to: 'return part' }],
  },
  {
    name: 'a segment is removed when the fastest reader has passed it',
    edits: [{ file: 'channel/retention.ts', from: 'Math.min(...places.map(({ passed }) => passed))', to: 'Math.max(...places.map(({ passed }) => passed))' }],
  },
  {
    name: 'what is retained goes',
    edits: [{ file: 'channel/retention.ts', from: 'if (age === null) return true', to: 'if (age === null) return bytes !== null' }],
  },
  {
    name: 'the cursor runs ahead of the ack',
    edits: [{ file: 'channel/taker.ts', from: 'await cursor.move(mark.to.offset)', to: 'await cursor.move(mark.to.offset + 1)' }],
  },
  {
    name: 'a record is overwritten in its one whole slot',
    edits: [{ file: 'channel/slots.ts', from: 'if (this.#synced) this.#slot = 1 - this.#slot', to: '' }],
  },
  {
    name: 'the checksum of a record is not looked at',
    edits: [{ file: 'channel/slots.ts', from: ' || checksum(bytes, size) !== bytes.readUInt32LE(20)) return', to: ') return' }],
  },
  {
    name: 'the older of two records is taken',
    edits: [{ file: 'channel/slots.ts', from: 'records.sort((a, b) => b.counter - a.counter)', to: 'records.sort((a, b) => a.counter - b.counter)' }],
  },
  {
    name: 'the queue is named before it is on disk',
    edits: [{ file: 'channel/identity.ts', from: '    await file.write([Buffer.from(`${JSON.stringify(written)}\\n`)], 0)\n    await file.sync()', to: '    await file.write([Buffer.from(`${JSON.stringify(written)}\\n`)], 0)' }],
  },
  {
    name: 'a batch that is stored is stored again',
    edits: [{ file: 'channel/group.ts', from: 'if (mark.to.offset <= position.offset) return', to: 'if (mark.to.offset < position.offset) return' }],
  },
  {
    name: 'a segment is removed when a reader has acked it, before that is on disk',
    edits: [{ file: 'channel/retention.ts', from: 'Math.min(...places.map(({ passed }) => passed))', to: 'Math.min(...places.map(({ next }) => next))' }, { file: 'channel/taker.ts', from: '    await cursor.sync()\n    await this.#trim()', to: '    await this.#trim()' }],
  },
  {
    name: 'a reader is registered without a sync of its file',
    edits: [{ file: 'disk/replace.ts', from: '    await file.write([bytes], 0)\n    await file.sync()', to: '    await file.write([bytes], 0)' }],
  },
  {
    name: 'a reader that keeps its place is not asked for it',
    edits: [{ file: 'channel/taker.ts', from: 'await this.#reachable(offsets[0] ?? cursor.state.next, stop)', to: 'await this.#reachable(cursor.state.next, stop)' }],
  },
  {
    name: 'the end is published before it is on disk',
    edits: [{ file: 'channel/log.ts', from: '    await this.active.sync(this.#end)\n    await this.#publish(next)', to: '    await this.#publish(next)\n    await this.active.sync(this.#end)' }],
  },
  {
    name: 'a name that was made by somebody who was killed is not synced',
    edits: [{ file: 'channel/log.ts', from: '    await around.disk.syncDirectory(paths.segments) // whoever', to: '    // whoever' }],
  },
  {
    name: 'a record is taken over without a sync',
    edits: [{ file: 'channel/slots.ts', from: 'this.#slot * this.slotSize)\n    await this.file.sync()\n    return body', to: 'this.#slot * this.slotSize)\n    return body' }],
  },
]
