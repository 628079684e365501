/**
 * Which NameNodes an `hdfs://` authority means, and how they are reached over HTTP: from the configuration of a Hadoop
 * client where it knows the authority, else by the usual port.
 */
import { FlumeError } from '../../errors.js'
import type { HadoopConf } from './conf.js'
import { createParams } from './new-files.js'

export interface Cluster {
  /** What directories of this cluster begin with: `hdfs://nn1:8020` */
  readonly uri: string
  /** `http://nn1:9870`: one of them is active. */
  readonly nameNodes: readonly string[]
  /** Whom we say we are. */
  readonly user: string
  /** Of new files, as text; where the client's configuration says nothing the cluster decides. */
  readonly create: Readonly<Record<string, string>>
}

export interface ClusterAround {
  readonly conf: HadoopConf
  /** Undefined: nobody that this machine knows. */
  readonly user: string | undefined
  say(message: string): void
}

const PORT = { http: '9870', https: '9871' } as const
type Protocol = keyof typeof PORT
const PORT_MAX = 65_535

/** What a scheme of ours stands for; undefined: it is none of HDFS. */
export function isHdfs(scheme: string): boolean {
  return /^(?:hdfs|webhdfs|swebhdfs)$/i.test(scheme)
}

/** Each byte that might mean something in a URL is escaped, but for `=`, which some versions want as it is. */
export function escapedPath(path: string): string {
  return path.split('/').map((name) => encodeURIComponent(name).replaceAll('%3D', '=')).join('/')
}

/** Of `scheme://authority`. Throws BAD_OPTION for an authority that is none, UNAVAILABLE where the configuration says too little. */
export function clusterOf(scheme: string, authority: string, around: ClusterAround): Cluster {
  const { conf, user } = around
  const kind = scheme.toLowerCase()
  const protocol: Protocol = kind === 'swebhdfs' || (kind === 'hdfs' && conf.get('dfs.http.policy') === 'HTTPS_ONLY') ? 'https' : 'http'
  const logical = logicalAddresses(authority, protocol, conf)
  const named = (): string[] => authority.split(',').map((address) => withPort(address, PORT[protocol]))
  const addresses = logical ?? (kind === 'hdfs' ? [httpAddressOf(authority, protocol, around)] : named())
  for (const address of addresses) checkAddress(address, authority)
  if (user === undefined) throw new FlumeError('BAD_OPTION', 'cannot tell HDFS who writes: this machine has no name for its user; HADOOP_USER_NAME is one')
  return { uri: `${kind}://${authority}`, nameNodes: addresses.map((address) => `${protocol}://${address}`), user, create: createParams(conf) }
}

/** The NameNodes of a nameservice; undefined: it is none. */
function logicalAddresses(authority: string, protocol: Protocol, conf: HadoopConf): string[] | undefined {
  const names = listOf(conf.get(`dfs.ha.namenodes.${authority}`))
  if (names.length === 0) return undefined
  return names.map((name) => {
    const suffix = `.${authority}.${name}`
    const address = conf.get(`dfs.namenode.${protocol}-address${suffix}`)
    const host = hostOf(conf.get(`dfs.namenode.rpc-address${suffix}`) ?? '')
    if (address === undefined && host === '') {
      throw new FlumeError('UNAVAILABLE', `cannot find the NameNode ${name} of ${authority}: hdfs-site.xml has no dfs.namenode.${protocol}-address${suffix}`)
    }
    return withPort(reachable(address ?? host, host), PORT[protocol])
  })
}

/** Of one NameNode, known by the address for Hadoop's own protocol. */
function httpAddressOf(authority: string, protocol: Protocol, { conf, say }: ClusterAround): string {
  const host = hostOf(authority)
  const standard = /^hdfs:\/\/([^/]+)/.exec(conf.get('fs.defaultFS') ?? '')?.[1]
  for (const suffix of suffixesOf(conf)) {
    const rpc = conf.get(`dfs.namenode.rpc-address${suffix}`) ?? (suffix === '' ? standard : undefined)
    const address = conf.get(`dfs.namenode.${protocol}-address${suffix}`)
    if (rpc === undefined || address === undefined || withPort(rpc, '8020') !== withPort(authority, '8020')) continue
    return withPort(reachable(address, host), PORT[protocol])
  }
  checkAddress(withPort(authority, PORT[protocol]), authority)
  const address = `${host}:${PORT[protocol]}`
  say(`taking ${protocol}://${address} for ${authority}: no hdfs-site.xml says otherwise`)
  return address
}

/** Of properties that say something of one NameNode: none, or nameservice and NameNode. */
function suffixesOf(conf: HadoopConf): string[] {
  const services = listOf(conf.get('dfs.nameservices'))
  return ['', ...services.flatMap((service) => [`.${service}`, ...listOf(conf.get(`dfs.ha.namenodes.${service}`)).map((name) => `.${service}.${name}`)])]
}

/** An address to listen on everywhere is that of the host itself. */
function reachable(address: string, host: string): string {
  return address.replace(/^(?:0\.0\.0\.0|\[::\])(?=:|$)/, host)
}

function withPort(address: string, port: string): string {
  return /:\d+$/.test(address) ? address : `${address}:${port}`
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, '')
}

function listOf(text: string | undefined): string[] {
  return (text ?? '').split(',').map((name) => name.trim()).filter((name) => name !== '')
}

/** Throws BAD_OPTION where no connection can lead there. A name and password before an @ are not shown. */
function checkAddress(address: string, authority: string): void {
  const port = Number(/^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(\d{1,5})$/.exec(address)?.[1])
  if (port >= 1 && port <= PORT_MAX) return
  const shown = JSON.stringify(authority.replace(/^.*@/s, '***@'))
  throw new FlumeError('BAD_OPTION', `cannot understand ${shown}: a host and port, HOST:PORT, or a nameservice of hdfs-site.xml`)
}
