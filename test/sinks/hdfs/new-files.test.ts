/** Expected values are what the client of Hadoop 3.4.1 makes of the same properties. */
import t from 'tap'
import type { FlumeError } from '../../../src/errors.js'
import { createParams } from '../../../src/sinks/hdfs/new-files.js'

const paramsOf = (properties: Record<string, string>): Record<string, string> => createParams({ from: undefined, get: (name) => properties[name] })

function errorOf(work: () => unknown): FlumeError {
  try {
    work()
  } catch (error) {
    return error as FlumeError
  }
  throw new Error('it was taken')
}

t.test('a block size may have a unit', async (t) => {
  const sizes = { '134217728': '134217728', '128m': '134217728', '1M': '1048576', '64K': '65536', '2g': '2147483648', '1t': '1099511627776', '7e': '8070450532247928832' }
  for (const [text, size] of Object.entries(sizes)) t.same(paramsOf({ 'dfs.blocksize': text }), { blocksize: size }, text)
})

t.test('a umask is octal, or says what may stay; the last clause for somebody counts', async (t) => {
  const modes = {
    '022': '644', '0027': '640', '000': '666', '777': '0',
    'u=rwx,g=rx,o=': '640', 'u=rw,g=r,o=r': '644', 'ugo=rw': '666', 'a=r': '444', '=r': '444', 'u=rwx': '600', 'u=r,': '400', 'u+rw, g+r': '640', 'u-w': '0', 'u=r,u=w': '200',
    'u=rwx,g=rwx,o-w': '660',
  }
  for (const [umask, mode] of Object.entries(modes)) t.same(paramsOf({ 'fs.permissions.umask-mode': umask }), { permission: mode }, umask)
})

t.test('what Hadoop would not take either is an error that names it, and never passed over', async (t) => {
  const bad = {
    'dfs.replication': ['two', '-1', '1.5'],
    'dfs.blocksize': ['128mb', '1.5g', 'm', '-1', '8e', '9223372036854775808'],
    'fs.permissions.umask-mode': ['22', '+077', '1022', '888', 'u=rwX', 'u=rwx g=r', 'nobody', 'u=rwx;', 'u=r g=w'],
  }
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const { code, message } = errorOf(() => paramsOf({ [name]: value }))
      t.equal(code, 'UNAVAILABLE')
      t.ok(message.startsWith(`cannot understand ${name} in the configuration of the Hadoop client: ${JSON.stringify(value)} is not like `), message)
    }
  }
  t.same(paramsOf({ 'dfs.replication': '0x3', 'dfs.blocksize': '' }), { replication: '3' })
})
