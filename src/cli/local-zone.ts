/**
 * The time zone of this machine, as TZ has it or else /etc/localtime. What has no IANA name is refused: V8 has no zone for some of it,
 * and for more of it another one than every other program.
 */
import { realPath } from '../disk/real-path.js'
import { FlumeError } from '../errors.js'

/** IANA name. `instead`: what else may say it. Throws BAD_OPTION. With the first zone comes all of Intl, which takes 15 ms. */
export function localZone({ TZ }: Readonly<Record<string, string | undefined>>, instead: string): string {
  const zone = TZ === undefined ? ianaName(Intl.DateTimeFormat().resolvedOptions().timeZone) : zoneOf(TZ)
  if (zone !== undefined) return zone
  const where = TZ === undefined ? 'which time zone this machine has' : `which time zone TZ=${TZ} is`
  throw new FlumeError('BAD_OPTION', `cannot tell ${where}: expected an IANA name, such as TZ=Europe/Berlin, or ${instead}`)
}

/** Of what TZ is in POSIX and glibc, tzset(3): a name, a file of /usr/share/zoneinfo, or a link to one. */
function zoneOf(TZ: string): string | undefined {
  const text = TZ.replace(/^:/, '')
  if (/^((UTC|GMT)[+-]?0)?$/.test(text)) return 'UTC'
  const path = text === 'localtime' ? '/etc/localtime' : text
  if (!path.startsWith('/')) return ianaName(path)
  return ianaName(nameIn(path)) ?? ianaName(nameIn(realPath(path) ?? ''))
}

function nameIn(path: string): string | undefined {
  return /\/zoneinfo\/(.+)$/.exec(path)?.[1]
}

/** As V8 writes it. An offset is none: TZ turns its sign round. */
function ianaName(name: string | undefined): string | undefined {
  if (name === undefined || !/^[A-Za-z]/.test(name)) return undefined
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name.replace(/^(posix|right)\//, '') }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}
