/** Mounts: where the file system of a file is mounted, by the numbers that stat(2) gives; and whether one is mounted there now. */
import t from 'tap'
import { nodeDisk } from '../../src/disk/node.js'
import type { FileStat } from '../../src/disk/disk.js'
import { Mounts } from '../../src/sources/mounts.js'

/** Directories by the number of the file system that they are on; of a code, what looking at them fails with. */
function mounts(devices: Record<string, bigint | string>): { mounts: Mounts; said: string[]; looks: string[] } {
  const said: string[] = []
  const looks: string[] = []
  const statNow = (path: string): FileStat | undefined => {
    looks.push(path)
    const device = devices[path]
    if (typeof device === 'string') throw Object.assign(new Error('no'), { code: device })
    return device === undefined ? undefined : { ...nodeDisk.statNow('/')!, device }
  }
  return { mounts: new Mounts({ statNow }, (message) => void said.push(message)), said, looks }
}

t.test('a file is on the file system that is mounted nearest above it; where no other is, on that of the root', async (t) => {
  const { mounts: found } = mounts({ '/': 1n, '/var': 1n, '/var/log': 2n, '/var/log/app': 2n, '/var/log/other': 3n })
  t.equal(found.of('/var/log/app/a.log'), '/var/log')
  t.equal(found.of('/var/log/other/a.log'), '/var/log/other')
  t.equal(found.of('/var/a.log'), '/')
  t.equal(found.of('/a.log'), '/')
})

t.test('a directory that is gone, or cannot be looked at, tells nothing', async (t) => {
  const { mounts: found } = mounts({ '/': 1n, '/var': 1n, '/shut': 'EACCES', '/shut/in': 'EACCES' })
  t.equal(found.of('/var/gone/a.log'), '/')
  t.equal(found.of('/shut/in/a.log'), '/')
  t.equal(found.isMissing('/shut/in'), false)
})

t.test('one is missing where the directory is gone or is that of the file system around it, whatever number that has', async (t) => {
  const { mounts: found } = mounts({ '/': 7n, '/vol': 7n, '/there': 8n })
  t.equal(found.isMissing('/vol'), true)
  t.equal(found.isMissing('/vol/nested'), true)
  t.equal(found.isMissing('/media/stick'), true)
  t.equal(found.isMissing('/there'), false)
  t.equal(found.isMissing('/'), false)
})

t.test('it is said once, until one is mounted there again; each directory is looked at once in a look', async (t) => {
  const devices: Record<string, bigint> = { '/': 1n, '/vol': 1n }
  const { mounts: found, said, looks } = mounts(devices)
  const look = (): number => {
    found.look()
    looks.length = 0
    for (let files = 0; files < 3; files++) found.isMissing('/vol')
    return said.length
  }
  t.equal(look(), 1)
  t.same(looks.toSorted(), ['/', '/vol'])
  t.equal(look(), 1)
  devices['/vol'] = 2n
  t.equal(look(), 1)
  devices['/vol'] = 1n
  t.equal(look(), 2)
  t.same(new Set(said), new Set(['waiting for /vol: the file system that was there is not mounted']))
})
