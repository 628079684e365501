/** What the configuration of a Hadoop client says of new files, read as Hadoop reads it. */
import { FlumeError } from '../../errors.js'
import type { HadoopConf } from './conf.js'

interface Property {
  /** Of CREATE. */
  readonly param: string
  readonly name: string
  /** Undefined: Hadoop would not take it either. */
  readonly read: (value: string) => string | undefined
  /** What it may look like. */
  readonly like: string
}

const PROPERTIES: readonly Property[] = [
  { param: 'replication', name: 'dfs.replication', read: countIn, like: '3' },
  { param: 'blocksize', name: 'dfs.blocksize', read: sizeIn, like: '134217728 or 128m' },
  { param: 'permission', name: 'fs.permissions.umask-mode', read: permissionIn, like: '027 or u=rwx,g=rx,o=' },
]

/** Parameters of CREATE. Throws UNAVAILABLE for a value that Hadoop would not take either. */
export function createParams(conf: HadoopConf): Record<string, string> {
  const params: Record<string, string> = {}
  for (const { param, name, read, like } of PROPERTIES) {
    const value = conf.get(name)
    if (value === undefined || value === '') continue
    const asked = read(value)
    if (asked === undefined) {
      const what = `cannot understand ${name} in the configuration of the Hadoop client`
      throw new FlumeError('UNAVAILABLE', `${what}: ${JSON.stringify(value)} is not like ${like}`)
    }
    params[param] = asked
  }
  return params
}

function countIn(text: string): string | undefined {
  return /^(?:\d{1,9}|0[xX][0-9A-Fa-f]{1,7})$/.test(text) ? String(Number(text)) : undefined
}

const UNITS = 'kmgtpe'

/** `134217728`, `128m` (StringUtils.TraditionalBinaryPrefix). */
function sizeIn(text: string): string | undefined {
  const [, digits, unit = ''] = /^(\d+)([kmgtpe]?)$/i.exec(text) ?? []
  if (digits === undefined) return undefined
  const size = BigInt(digits) << (unit === '' ? 0n : 10n * BigInt(UNITS.indexOf(unit.toLowerCase()) + 1))
  return size < 1n << 63n ? String(size) : undefined
}

/** That of a file, made with this umask: `022`, or what may stay, `u=rwx,g=rx,o=` (UmaskParser). */
function permissionIn(umask: string): string | undefined {
  const allowed = allowedByOctal(umask) ?? allowedBySymbols(umask)
  return allowed === undefined ? undefined : (0o666 & allowed).toString(8)
}

function allowedByOctal(umask: string): number | undefined {
  const [, digits] = /^0*([0-7]{3})$/.exec(umask) ?? []
  return digits === undefined ? undefined : ~parseInt(digits, 8)
}

const CLAUSE = /\s*([ugoa]*)[+=-]*([+=-])([rwx]*)([,\s]*)/gy
const SHIFT = { u: 6, g: 3, o: 0 } as const
const BIT = { r: 4, w: 2, x: 1 } as const
const EVERYBODY = ['u', 'g', 'o'] as const

/** As Hadoop has it, `-` leaves nothing, and the last clause for somebody replaces those before it. */
function allowedBySymbols(umask: string): number | undefined {
  const modes = { u: 0, g: 0, o: 0 }
  let mayFollow = true
  let end = 0
  for (const [clause, named = '', operator, letters = '', separator = ''] of umask.matchAll(CLAUSE)) {
    if (!mayFollow) return undefined
    const whom = EVERYBODY.filter((who) => named.includes(who))
    const bits = [...letters].reduce((sum, letter) => sum | BIT[letter as keyof typeof BIT], 0)
    for (const who of whom.length > 0 ? whom : EVERYBODY) modes[who] = operator === '-' ? 0 : bits
    mayFollow = separator.includes(',')
    end += clause.length
  }
  if (end === 0 || end < umask.length) return undefined
  return EVERYBODY.reduce((allowed, who) => allowed | (modes[who] << SHIFT[who]), 0)
}
