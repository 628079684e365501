/** Names of this machine. */
import { lookupService } from 'node:dns/promises'
import { hostname, networkInterfaces } from 'node:os'
import type { Host } from '../events/host.js'

/**
 * Looked up is only what is needed, since a service may not be allowed to: without `address` there is no ip, and without
 * `qualified` the full name is the short one.
 */
export async function thisHost({ address, qualified }: { readonly address: boolean; readonly qualified: boolean }): Promise<Host> {
  const name = hostname()
  if (!address) return { name, ip: '', fqdn: name }
  const ip = Object.values(networkInterfaces()).flat().find((address) => address?.internal === false && address.family === 'IPv4')?.address ?? '127.0.0.1'
  const fqdn = qualified ? await lookupService(ip, 0).then(({ hostname }) => hostname, () => name) : name
  return { name, ip, fqdn }
}
