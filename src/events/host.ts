/** Names of a machine: what the header `host` and the places of a sink may say. */
export interface Host {
  readonly name: string
  readonly ip: string
  readonly fqdn: string
}
