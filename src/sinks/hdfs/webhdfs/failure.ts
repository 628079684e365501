/**
 * What a failed request to HDFS means, as a table. The class of the exception decides, never the status: passing trouble
 * comes as 403 too, and a name too long as a bare RemoteException. What is in no row may pass: nothing is lost by waiting.
 */
import { errnoOf, type Code } from '../../../errors.js'
import { Failure } from '../../retry.js'

interface Meaning extends ErrorOptions {
  readonly outcome: 'passes' | Code
  /** Simple name of the Java class; undefined: HDFS did not answer. */
  readonly exception?: string
  /** Nothing comes of the request any more. Else it may have been done, or be done yet. */
  readonly isOver?: boolean
}

/** A request that failed: refused by HDFS, or its answer never came. */
export class HdfsFailure extends Failure {
  readonly exception: string | undefined
  readonly isOver: boolean

  constructor(message: string, { outcome, exception, isOver = false, ...options }: Meaning) {
    super(message, outcome, options)
    this.exception = exception
    this.isOver = isOver
  }

  /** HDFS has said no to it: it was not done by this request. */
  get isRefused(): boolean {
    return this.isOver || REFUSALS.has(this.exception ?? '')
  }
}

/** What a NameNode says before it has done anything; of an upload something may come all the same. */
const REFUSALS: ReadonlySet<string> = new Set([
  'FileNotFoundException', 'FileAlreadyExistsException', 'StandbyException', 'ObserverRetryOnActiveException', 'RetriableException',
])

interface Row {
  /** Simple name of the class. It may stand in the answer's `exception`, in its `javaClassName`, or at the start of its message. */
  readonly exception: string
  /** Narrows the row to messages with this in them. */
  readonly message?: RegExp
  readonly outcome: 'passes' | Code
  /** The NameNode itself has refused it, and nothing comes of it any more; so it is with all that does not pass. */
  readonly isOver?: true
  /** What a person can do. */
  readonly advice?: string
}

const FILE = 'a file is where a directory should be'
const GROUP = 'somebody who may must do it: hdfs dfs -chown, hdfs dfs -chmod, or another HADOOP_USER_NAME'
const CROWD = 'move files away, or raise dfs.namenode.fs-limits.max-directory-items'
const LENGTH = 'dfs.namenode.fs-limits.max-component-length is the limit'
const NODES = 'hdfs dfsadmin -report shows the DataNodes'
const ROOM = 'make room, or ask for a larger quota: hdfs dfs -count -q shows it'
const SAFE = 'HDFS is in safe mode, which ends by itself or by hdfs dfsadmin -safemode leave'

/** The first that fits counts. */
const TABLE: readonly Row[] = [
  // This NameNode cannot, another or a later one can.
  { exception: 'StandbyException', outcome: 'passes', advice: 'no NameNode is active; hdfs haadmin -getAllServiceState shows them' },
  { exception: 'ObserverRetryOnActiveException', outcome: 'passes' },
  { exception: 'SafeModeException', outcome: 'passes', isOver: true, advice: SAFE },
  { exception: 'RemoteException', message: /in safe mode/i, outcome: 'passes', isOver: true, advice: SAFE },
  { exception: 'RetriableException', outcome: 'passes' },
  { exception: 'ConnectException', outcome: 'passes' },
  { exception: 'EOFException', outcome: 'passes' },
  // Somebody has to make room; then it goes on.
  { exception: 'NSQuotaExceededException', outcome: 'passes', isOver: true, advice: ROOM },
  { exception: 'DSQuotaExceededException', outcome: 'passes', isOver: true, advice: ROOM },
  { exception: 'QuotaByStorageTypeExceededException', outcome: 'passes', isOver: true, advice: ROOM },
  { exception: 'MaxDirectoryItemsExceededException', outcome: 'passes', isOver: true, advice: CROWD },
  { exception: 'RemoteException', message: /directory item limit/, outcome: 'passes', isOver: true, advice: CROWD },
  // Nothing helps but a person who changes something, and then a new start.
  { exception: 'AccessControlException', message: /is not a directory/, outcome: 'CANNOT_CREATE', advice: FILE },
  { exception: 'AccessControlException', outcome: 'PERMISSION', advice: GROUP },
  { exception: 'AuthorizationException', outcome: 'PERMISSION', advice: 'hadoop.proxyuser.* of core-site.xml on the NameNode says who may act for whom' },
  { exception: 'SnapshotAccessControlException', outcome: 'PERMISSION', advice: 'a snapshot cannot be written to' },
  { exception: 'InvalidToken', outcome: 'PERMISSION' },
  { exception: 'SecurityException', outcome: 'PERMISSION' },
  { exception: 'ParentNotDirectoryException', outcome: 'CANNOT_CREATE', advice: FILE },
  { exception: 'PathComponentTooLongException', outcome: 'CANNOT_CREATE', advice: LENGTH },
  { exception: 'RemoteException', message: /path component name limit/, outcome: 'CANNOT_CREATE', advice: LENGTH },
  { exception: 'InvalidPathException', outcome: 'CANNOT_CREATE' },
  { exception: 'UnsupportedOperationException', outcome: 'UNAVAILABLE' },
  { exception: 'IllegalArgumentException', message: /user\.name/, outcome: 'BAD_OPTION', advice: 'HADOOP_USER_NAME is no name that this HDFS takes' },
  { exception: 'IllegalArgumentException', outcome: 'CANNOT_CREATE' },
  // An answer, and no trouble by itself: whoever asked knows what it means there.
  { exception: 'FileNotFoundException', outcome: 'passes' },
  { exception: 'FileAlreadyExistsException', outcome: 'passes' },
  // Of a temporary file that somebody else opened or removed, or whose DataNodes are gone: the next has another name.
  { exception: 'AlreadyBeingCreatedException', outcome: 'passes' },
  { exception: 'RecoveryInProgressException', outcome: 'passes' },
  { exception: 'LeaseExpiredException', outcome: 'passes' },
  { exception: 'CannotObtainBlockLengthException', outcome: 'passes', advice: NODES },
  { exception: 'IOException', message: /Failed to find datanode|could only be (written|replicated) to \d+ /, outcome: 'passes', advice: NODES },
  { exception: 'IOException', message: /does not have enough number of replicas/, outcome: 'passes', advice: NODES },
  // What hdfs-site.xml of this machine asks of new files is not to be had.
  { exception: 'IOException', message: /min-block-size/, outcome: 'CANNOT_CREATE', advice: 'dfs.blocksize of hdfs-site.xml here says otherwise' },
  { exception: 'IOException', message: /requested replication factor/i, outcome: 'CANNOT_CREATE', advice: 'dfs.replication of hdfs-site.xml here says so' },
  { exception: 'IOException', outcome: 'passes' },
]

/** Of an answer that is no success. `from`: who gave it, `web1:9870`. */
export function failureOf(status: number, body: string, from: string): HdfsFailure {
  if (status === 401) {
    const message = `${from} asks who we are (401): Kerberos is not supported yet`
    return new HdfsFailure(message, { outcome: 'UNAVAILABLE', exception: 'AuthenticationException', isOver: true })
  }
  const remote = remoteExceptionOf(body)
  if (remote === undefined) return new HdfsFailure(`${from} answered ${status}${summaryOf(body)}`, { outcome: 'passes' })
  const row = TABLE.find(({ exception, message }) => remote.names.has(exception) && (message?.test(remote.message) ?? true))
  const { outcome, exception, isOver, advice } = row ?? { outcome: 'passes', exception: remote.exception }
  const message = `${from}: ${cut(`${remote.exception}: ${remote.message}`)}${advice === undefined ? '' : ` (${advice})`}`
  return new HdfsFailure(message, { outcome, exception, isOver: isOver ?? outcome !== 'passes' })
}

/**
 * Of a connection that failed, or was silent for too long, or of what is no answer of HDFS. `hasArrived`: what was asked
 * may have been done, or be done yet.
 */
export function lostAnswer(from: string, cause: unknown, hasArrived = true): HdfsFailure {
  const { code, message } = cause instanceof Error ? (cause as NodeJS.ErrnoException) : { code: undefined, message: String(cause) }
  const advice = UNTRUSTED.has(code ?? '') ? ' (NODE_EXTRA_CA_CERTS names the file of a private CA)' : ''
  return new HdfsFailure(`no answer from ${from}: ${message || (code ?? 'unknown')}${advice}`, { outcome: 'passes', isOver: !hasArrived })
}

/** What a certificate of a CA that this process does not know is refused with. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
])

/** Of such a connection to one without which nothing goes on: a process learns of no CA while it runs. Undefined: it failed otherwise. */
export function notTrusted(from: string, cause: unknown): HdfsFailure | undefined {
  if (!UNTRUSTED.has(errnoOf(cause) ?? '')) return undefined
  return new HdfsFailure(lostAnswer(from, cause).message, { outcome: 'UNAVAILABLE', isOver: true })
}

/** What wraps the answer of a NameNode may end in its class. */
const STANDS_BY = /\b(StandbyException)\W*$/

interface Remote {
  readonly exception: string
  readonly message: string
  /** All class names that the answer may mean. */
  readonly names: ReadonlySet<string>
}

function remoteExceptionOf(body: string): Remote | undefined {
  const remote = remoteOf(body)
  if (typeof remote?.exception !== 'string') return undefined
  const { exception } = remote
  const text = typeof remote.message === 'string' ? remote.message : ''
  const message = text.split('\n')[0]?.trim() ?? '' // a DataNode sends the Java stack along
  const wrapped = (/^(?:[a-z]\w*\.)+([A-Z]\w*)/.exec(message) ?? STANDS_BY.exec(message))?.[1] // `org.apache.hadoop.ipc.StandbyException: …`
  const javaClass = typeof remote.javaClassName === 'string' ? remote.javaClassName.replace(/^.*[.$]/, '') : exception
  return { exception, message, names: new Set([exception.replace(/^.*[.$]/, ''), javaClass, ...(wrapped === undefined ? [] : [wrapped])]) }
}

function remoteOf(body: string): { exception?: unknown; javaClassName?: unknown; message?: unknown } | undefined {
  try {
    return (JSON.parse(body) as { RemoteException?: object } | null)?.RemoteException
  } catch {
    return undefined
  }
}

/** Characters of a message of HDFS that are shown. */
const SHOWN_MAX = 1000

function cut(message: string): string {
  return message.length > SHOWN_MAX ? `${message.slice(0, SHOWN_MAX)}…` : message
}

function summaryOf(body: string): string {
  const text = body.replace(/<[^<>]*>/g, ' ').replace(/\s+/g, ' ').trim().slice(0, 100)
  return text === '' ? '' : `: ${text}`
}
