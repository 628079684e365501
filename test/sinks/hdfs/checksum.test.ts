import t from 'tap'
import { writeFileSync } from 'node:fs'
import { nodeDisk } from '../../../src/disk/node.js'
import { hasChecksum } from '../../../src/sinks/hdfs/webhdfs/checksum.js'

/** As HDFS 3.4.1 answered for this text, in one block. */
const TEXT = 'hello world '.repeat(200)
const ONE = { algorithm: 'MD5-of-0MD5-of-512CRC32C', bytes: '0000020000000000000000000bcfd10c8f3c80daf41f1fc24d257d1300000000' }

t.test('a checksum of HDFS is that of these bytes, and of no others', async (t) => {
  const path = `${t.testdir({})}/file`
  const hasOne = async (text: string, checksum = ONE): Promise<boolean | undefined> => {
    writeFileSync(path, text)
    const file = await nodeDisk.open(path, 'read')
    try {
      return await hasChecksum(file, text.length, 1 << 27, checksum)
    } finally {
      await file.close()
    }
  }
  t.equal(await hasOne(TEXT), true)
  t.equal(await hasOne(TEXT.replace('h', 'i')), false)
  t.equal(await hasOne(TEXT.slice(0, -1)), false)
  t.equal(await hasOne(`${TEXT}x`), false)
  t.equal(await hasOne(TEXT, { ...ONE, algorithm: 'COMPOSITE-CRC32C' }), undefined)
  t.equal(await hasOne(TEXT, { ...ONE, algorithm: 'MD5-of-0MD5-of-512CRC32' }), false, 'another CRC')
})
