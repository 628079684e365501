/** Names of this machine. */
import { lookupService } from 'node:dns/promises'
import { hostname, networkInterfaces } from 'node:os'

export interface Host {
  readonly name: string
  readonly ip: string
  readonly fqdn: string
}

/** `qualified`: look the full name up; else it is the short one. */
export async function thisHost(qualified: boolean): Promise<Host> {
  const name = hostname()
  const ip = Object.values(networkInterfaces()).flat().find((address) => address?.internal === false && address.family === 'IPv4')?.address ?? '127.0.0.1'
  const fqdn = qualified ? await lookupService(ip, 0).then(({ hostname }) => hostname, () => name) : name
  return { name, ip, fqdn }
}
