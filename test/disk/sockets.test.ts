/** What killed lines leave in the directory of the sockets: taken away by whoever binds, and looked at once an hour only. */
import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sweep } from '../../src/disk/sockets.js'

const BOOT = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
const EARLIER = '00000000-0000-4000-8000-000000000000'
const NOW = 1_800_000_000_000
const HOUR = 3_600_000

function aged(path: string, age: number): string {
  closeSync(openSync(path, 'a'))
  utimesSync(path, (NOW - age) / 1000, (NOW - age) / 1000)
  return path
}

t.test('sockets of earlier boots go, and what was being bound a day ago; those of a day ago are named, and younger ones left alone', async (t) => {
  const directory = t.testdir({})
  const old = aged(join(directory, `${BOOT}-15-1.sock`), 25 * HOUR)
  const young = [`${BOOT}-15-2.sock`, `${BOOT}-stat-3-x.sock`, '.4-5'].map((name) => aged(join(directory, name), 23 * HOUR))
  aged(join(directory, `${EARLIER}-15-1.sock`), HOUR)
  aged(join(directory, '.6-7'), 25 * HOUR)
  t.same(sweep(directory, NOW), [old])
  t.same(readdirSync(directory).map((name) => join(directory, name)).sort(), [old, ...young, join(directory, '.swept')].sort())
})

t.test('within an hour of one look there is no other, and after it, or where the clock was set back, there is', async (t) => {
  const directory = t.testdir({})
  const left = (): string => aged(join(directory, `${EARLIER}-15-1.sock`), 0)
  const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined
  for (const [now, swept] of [[NOW, true], [NOW + HOUR - 1, false], [NOW + HOUR, true], [NOW - HOUR, true], [NOW - HOUR + 1, false]] as const) {
    const path = left()
    t.same(sweep(directory, now), [])
    t.equal(isThere(path), !swept, `${now - NOW}`)
  }
})

t.test('a mark that somebody made a symbolic link is not followed, and one that cannot be set keeps nobody from sweeping', async (t) => {
  const directory = t.testdir({ there: {}, victim: 'untouched' })
  symlinkSync(join(directory, 'victim'), join(directory, 'there/.swept'))
  sweep(join(directory, 'there'), NOW)
  t.equal(readFileSync(join(directory, 'victim'), 'utf8'), 'untouched')
  t.equal(lstatSync(join(directory, 'there/.swept')).isFile(), true)
  const other = t.testdir({})
  mkdirSync(join(other, '.swept'))
  writeFileSync(join(other, `${EARLIER}-15-1.sock`), '')
  utimesSync(join(other, '.swept'), 0, 0)
  t.same(sweep(other, NOW), [])
  t.same(readdirSync(other), ['.swept'])
})
