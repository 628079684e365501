import t from 'tap'
import { parseCount, parseDuration, parseSize } from '../../src/events/units.js'

t.test('a size is bytes, or K, M, G, T of 1024, with or without B and iB, in any case', async (t) => {
  const sizes: [string, number | undefined][] = [
    ['0', 0],
    ['4096', 4096],
    ['64K', 65_536],
    ['64k', 65_536],
    ['64KB', 65_536],
    ['64KiB', 65_536],
    ['1.5M', 1_572_864],
    ['2G', 2 * 1024 ** 3],
    ['1T', 1024 ** 4],
    ['10B', 10],
    ['-5', undefined],
    ['', undefined],
    ['K', undefined],
    ['5 K', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['1,5M', undefined],
    ['5P', undefined],
    ['9999999999999T', undefined],
  ]
  for (const [text, size] of sizes) t.equal(parseSize(text), size, text)
})

t.test('a time needs its unit, in lower case, except 0', async (t) => {
  const times: [string, number | undefined][] = [
    ['0', 0],
    ['500ms', 500],
    ['10s', 10_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['10', undefined],
    ['10M', undefined],
    ['-1s', undefined],
    ['s', undefined],
    ['1w', undefined],
    ['1m30s', undefined],
    ['', undefined],
  ]
  for (const [text, ms] of times) t.equal(parseDuration(text), ms, text)
})

t.test('a count is digits', async (t) => {
  t.equal(parseCount('0'), 0)
  t.equal(parseCount('100000'), 100_000)
  for (const text of ['-1', '1.5', '1K', '', '1e3', '99999999999999999999']) t.equal(parseCount(text), undefined, text)
})
