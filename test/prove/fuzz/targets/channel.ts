/** What a queue directory holds. */
import { Blocks } from '../../../../src/disk/blocks.js'
import { crc32 } from '../../../../src/channel/checksum.js'
import { openSegment } from '../../../../src/channel/compressed.js'
import { readCursor } from '../../../../src/channel/cursor.js'
import {
  decodeBlockHeader, decodeChanges, decodeFrameHeader, decodeSegmentHeader, encodeChanges, encodeFrameHeader, encodeSegmentStart, placeFrame, SEGMENT_HEADER_SIZE,
} from '../../../../src/channel/format.js'
import { lookAtIdentity } from '../../../../src/channel/identity.js'
import { ReplayRecord } from '../../../../src/channel/replay-record.js'
import { readFrames } from '../../../../src/channel/segment.js'
import { Slots } from '../../../../src/channel/slots.js'
import { Paths, type Surroundings } from '../../../../src/channel/surroundings.js'
import { diskOf, fileOf } from '../one-file.js'
import { holds, type Target } from '../target.js'

const UUID = '1b4e28ba-2fa1-11d2-883f-0016d3cca427'
const CURSOR = Buffer.concat([Buffer.alloc(16, 1), Buffer.from('path=/logs prefix=events')])
const PATHS = new Paths('/q')
const around = (bytes: Buffer): Surroundings => ({ disk: diskOf(bytes) }) as Surroundings
const blocks = new Blocks(2 * 1024 * 1024, 4)

export const CHANNEL: readonly Target[] = [
  { name: 'segment', seeds: [segment(), segment().subarray(0, -7)], take: takeSegment },
  { name: 'headers of segments, frames and blocks', seeds: [segment()], take: takeHeaders },
  { name: 'headers whose checksum is right', seeds: headers(), take: takeSealed, grows: false },
  { name: 'changes of positions', seeds: ['{"file.a.b":{"offset":5},"file.x.y":null,"__proto__":{"offset":1}}', '{}'], take: takeChanges },
  { name: 'cursor', seeds: [Slots.whole('flumecur', 4096, CURSOR)], take: (bytes) => readCursor(PATHS, 'default', diskOf(bytes)), grows: false },
  {
    name: 'cursor whose checksum is right', seeds: [CURSOR], grows: false,
    take: (bytes) => readCursor(PATHS, 'default', diskOf(Slots.whole('flumecur', 4096, bytes.subarray(0, 4000)))),
  },
  { name: 'record in two slots', seeds: [Slots.whole('flumecom', 64, Buffer.alloc(33, 1))], take: (bytes) => new Slots(fileOf(bytes), 'flumecom', 64).readAll(), grows: false },
  {
    name: 'queue.json', seeds: [JSON.stringify({ format: 1, queue: UUID, formerly: [UUID], inode: '2', born: '3' }), 'null', '[]', '{"format":2}'],
    take: async (bytes) => {
      const { identity } = await lookAtIdentity(PATHS, around(bytes))
      holds(typeof identity.queue === 'string' && Array.isArray(identity.formerly) && identity.formerly.every((each) => typeof each === 'string'), 'it is a queue')
    },
  },
  {
    name: 'record of a replay', seeds: ['{"from":1,"end":20,"binding":"path=/logs"}', 'null'],
    take: async (bytes) => void (await ReplayRecord.open(PATHS, around(bytes), 'default', '1-2')).range,
  },
]

function segment(): Buffer {
  const pieces = [encodeSegmentStart(UUID, 7, 1_700_000_000_000, new Map([['file.a.b', { offset: 5 }]]))]
  for (let n = 0; n < 3; n++) {
    const lines = Buffer.from('{"body":"one"}\n{"body":"two"}\n')
    const positions = encodeChanges(new Map(n === 1 ? [['file.a.b', { offset: 9, path: '/a' }]] : []))
    const header = encodeFrameHeader({ first: 7 + 2 * n, count: 2, time: 1_700_000_000_000 + n, continues: false, lost: false }, positions, lines)
    const place = Buffer.concat(pieces).length
    placeFrame(header, place, place)
    pieces.push(header, positions, lines)
  }
  return Buffer.concat(pieces)
}

function headers(): Buffer[] {
  const bytes = segment()
  const table = bytes.readUInt32LE(12)
  return [bytes.subarray(0, 64), bytes.subarray(64 + table, 128 + table)]
}

/** As if the damage had been done before the checksum was made. */
function takeSealed(bytes: Buffer): void {
  const header = Buffer.alloc(64)
  bytes.copy(header, 0, 0, 60)
  header.writeUInt32LE(crc32(header.subarray(0, 60)), 60)
  takeHeaders(header)
}

function takeChanges(bytes: Buffer): void {
  let changes: ReturnType<typeof decodeChanges>
  try {
    changes = decodeChanges(bytes)
  } catch (error) {
    holds(error instanceof SyntaxError, 'what is no JSON is a syntax error')
    return
  }
  const again = decodeChanges(encodeChanges(changes))
  holds(JSON.stringify([...again]) === JSON.stringify([...changes]), 'changes that are written and read are the same')
}

async function takeSegment(bytes: Buffer): Promise<void> {
  const file = await openSegment(diskOf(bytes), '/q/segments/00000000000000000007.seg')
  let at = SEGMENT_HEADER_SIZE
  for await (const found of readFrames(file, at, Infinity, blocks)) {
    if (found.kind === 'damage') {
      holds(found.to > found.from && found.from >= at, 'it comes further with each damage')
      at = found.to
    } else {
      found.release()
    }
  }
}

function takeHeaders(bytes: Buffer): void {
  decodeSegmentHeader(bytes)
  decodeFrameHeader(bytes, 0, 0)
  decodeBlockHeader(bytes, 0, 0)
}
