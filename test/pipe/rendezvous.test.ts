/** Where the two ends of a pipe meet: real sockets of one FIFO in this process, and what a killed writer leaves. */
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, closeSync, existsSync, fchownSync, linkSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { statOfFd, type FdStat } from '../../src/disk/fd.js'
import { addressesOf, socketAt } from '../../src/disk/sockets.js'
import { systemClock, type Source } from '../../src/events/flow.js'
import { Door } from '../../src/pipe/door.js'
import { deliver } from '../../src/pipe/output.js'
import { Meeting, Remains, seekWriter, writerMayBe } from '../../src/pipe/rendezvous.js'
import { fifo, until } from '../support/fifo.js'

const uid = process.getuid!()
const who = { pid: process.pid, uid, now: 0, step: () => undefined }
const pathOf = (pipe: FdStat): string => addressesOf(pipe, pipe.uid)[0].path
const bind = (pipe: FdStat): Promise<Meeting> => Meeting.bind(pipe, who, () => undefined)

/** Of a new FIFO; what is bound for it goes with `t`. */
function pipeOf(t: Test): { readonly pipe: FdStat; readonly path: string; readonly writing: number } {
  const { writing } = fifo(t)
  const pipe = statOfFd(writing)
  const path = pathOf(pipe)
  t.teardown(() => rmSync(path, { force: true }))
  return { pipe, path, writing }
}

/** The socket of a writer that was killed. */
async function leaveDead(pipe: FdStat): Promise<void> {
  const killed = await bind(pipe)
  killed.close('leave')
}

/** Where one who takes the place of a dead socket says so. */
const claimOf = (path: string): string => path.replace(/[^/]+$/, '.$&')

/** A writer that is about to take the place of what is at `path`: it listens under another name, and has said so. */
async function claiming(path: string): Promise<{ readonly taking: Server; readonly temporary: string }> {
  const temporary = `${dirname(path)}/.${process.pid}-taking`
  const taking = createServer().listen(temporary)
  await once(taking, 'listening')
  linkSync(temporary, claimOf(path))
  return { taking, temporary }
}

t.test('a writer that took the place of a killed one, and has to bind again, knows of it still, and keeps no socket of before', async (t) => {
  const { pipe, path } = pipeOf(t)
  await leaveDead(pipe)
  const door = new Door(pipe, () => undefined, () => undefined)
  t.teardown(() => door.close('remove'))
  await door.open(who)
  const open = readdirSync('/proc/self/fd').length
  for (let losses = 0; losses < 5; losses++) {
    rmSync(path)
    t.equal(door.lost, true)
    await door.open(who)
    t.equal(door.replaced, true)
  }
  t.equal(readdirSync('/proc/self/fd').length, open)
})

t.test('readers that cannot be let in, as where there are no descriptors left, end no writer', async (t) => {
  const { pipe } = pipeOf(t)
  const meeting = await bind(pipe)
  t.teardown(() => meeting.close('remove'))
  for (let refused = 0; refused < 3; refused++) meeting.server.emit('error', new Error('accept EMFILE'))
  const reader = (await seekWriter(pipe, uid, true)) as Socket
  t.equal(reader.readyState, 'open')
  reader.destroy()
})

t.test('a writer that cannot put its socket in its place keeps none', async (t) => {
  const { pipe, path } = pipeOf(t)
  const temporary = `${dirname(path)}/.${process.pid}-${pipe.inode}`
  const open = readdirSync('/proc/self/fd').length
  const bound = Meeting.bind(pipe, { ...who, step: (name) => name === 'bound' && rmSync(temporary) }, () => undefined)
  await t.rejects(bound, { code: 'ENOENT' })
  t.equal(readdirSync('/proc/self/fd').length, open)
})

t.test('what a killed writer left at a FIFO is nothing to the next FIFO that gets its inode', async (t) => {
  const directory = t.testdir()
  let before: FdStat | undefined
  for (let made = 0; made < 20; made++) {
    const path = join(directory, 'f')
    execFileSync('mkfifo', [path])
    const fd = openSync(path, 'r+')
    const pipe = statOfFd(fd)
    t.teardown(() => rmSync(pathOf(pipe), { force: true }))
    closeSync(fd)
    rmSync(path)
    t.equal(writerMayBe(pipe, uid, true), false, `inode ${pipe.inode} after ${before?.inode}`)
    const writer = await bind(pipe)
    t.equal(writer.replaced, false)
    writer.close('leave')
    t.equal(writerMayBe(pipe, uid, true), true)
    before = pipe
  }
})

t.test('a writer whose socket was removed, and whose place another has taken, ends with BUSY', async (t) => {
  const { pipe, path, writing } = pipeOf(t)
  let look: () => void = () => undefined
  const looks = new Promise<void>((resolve) => (look = resolve))
  const source: Source = {
    async *open(_reader, stop) {
      await once(stop, 'abort')
      yield* []
    },
    settle: async () => undefined,
  }
  const options = { pid: process.pid, uid, say: () => undefined, fd: writing, command: 'writer', ack: 'auto', grace: 0, nonce: () => '' } as const
  const ended = deliver(source, { ...options, clock: { now: () => 0, monotonic: () => 0, sleep: () => looks } }, new AbortController().signal)
  const refused = t.rejects(ended, { code: 'BUSY' })
  await until(() => existsSync(path))
  rmSync(path)
  const other = await bind(pipe)
  t.teardown(() => other.close('remove'))
  look()
  await refused
})

t.test('a socket that cannot be connected to is not one that is not there', async (t) => {
  const { pipe, path } = pipeOf(t)
  await leaveDead(pipe)
  t.ok((await seekWriter(pipe, uid, true)) instanceof Remains)
  rmSync(path)
  t.equal(await seekWriter(pipe, uid, true), undefined)
  symlinkSync(path, path)
  await t.rejects(seekWriter(pipe, uid, true), { code: 'IO', cause: { code: 'ELOOP' } })
  await t.rejects(bind(pipe), { code: 'ELOOP' }, 'another writer is not what hinders this one')
})

t.test('a writer that ends before it has let a reader in is looked for again', async (t) => {
  const { pipe, path } = pipeOf(t)
  for (const [how, left] of [['leave', true], ['remove', false]] as const) {
    const ending = await bind(pipe)
    const looks = [seekWriter(pipe, uid, true), seekWriter(pipe, uid, true)]
    ending.close(how)
    for (const found of await Promise.all(looks)) t.equal(found instanceof Remains, left, how)
    t.equal(existsSync(path), left)
  }
  const ending = await bind(pipe)
  const binding = bind(pipe)
  ending.close('leave')
  const next = await binding
  t.equal(next.replaced, true)
  next.close('remove')
})

t.test('while one takes the place of a dead socket no other does, and one that was killed doing so hinders nobody', async (t) => {
  const { pipe, path } = pipeOf(t)
  await leaveDead(pipe)
  const dead = socketAt(path)
  const { taking } = await claiming(path)
  await t.rejects(bind(pipe), { code: 'BUSY' })
  t.same(socketAt(path), dead)
  taking.close()
  const meeting = await bind(pipe)
  t.teardown(() => meeting.close('remove'))
  t.ok(meeting.replaced && meeting.inPlace)
  t.equal(existsSync(claimOf(path)), false)
})

t.test('one that was killed when it had just taken the place of a dead socket hinders nobody', async (t) => {
  const { pipe, path } = pipeOf(t)
  await leaveDead(pipe)
  const { taking, temporary } = await claiming(path)
  renameSync(temporary, path)
  taking.close()
  const meeting = await bind(pipe)
  t.teardown(() => meeting.close('remove'))
  t.ok(meeting.replaced && meeting.inPlace)
  t.equal(existsSync(claimOf(path)), false)
})

t.test('a reader whose connection is broken off looks for no other by itself', async (t) => {
  const { pipe, path } = pipeOf(t)
  await leaveDead(pipe)
  rmSync(path)
  const met: Socket[] = []
  const writer = createServer({ pauseOnConnect: true }, (socket) => met.push(socket)).listen(path) // they are not read
  t.teardown(() => (writer.close(), met.forEach((socket) => socket.destroy())))
  await once(writer, 'listening')
  const link = (await seekWriter(pipe, uid, true)) as Socket
  const over = new Promise((resolve) => link.once('error', () => undefined).once('close', resolve))
  await until(() => met.length === 1)
  await new Promise((resolve) => link.write('an ack that is not read', resolve))
  met[0]!.destroy()
  await over
  t.match(link.errored, { code: 'ECONNRESET' })
  const next = connect(path)
  next.write('accepted after whoever came before it')
  await until(() => met.some((socket) => socket !== met[0] && socket.resume().bytesRead > 0))
  t.equal(met.length, 2)
  next.destroy()
})

const notRoot = uid !== 0 && 'only root may try this'

/** A FIFO of a user that there is not, and another such user; what either has goes with `t`. */
function foreignPipe(t: Test): { readonly pipe: FdStat; readonly writing: number; readonly owner: number; readonly other: number; directoryOf(uid: number): string } {
  const { writing } = pipeOf(t)
  const owner = 100_000 + process.pid * 2
  fchownSync(writing, owner, -1)
  const pipe = statOfFd(writing)
  const directoryOf = (uid: number): string => dirname(pathOf({ ...pipe, uid }))
  t.teardown(() => [owner, owner + 1].forEach((uid) => rmSync(directoryOf(uid), { recursive: true, force: true })))
  return { pipe, writing, owner, other: owner + 1, directoryOf }
}

/** As this effective user. */
async function as<T>(user: number, call: () => Promise<T>): Promise<T> {
  process.seteuid!(user)
  return call().finally(() => process.seteuid!(0))
}

t.test('two stages of a user that does not own their pipe meet in the directory of that user', { skip: notRoot }, async (t) => {
  const { pipe, owner, other, directoryOf } = foreignPipe(t)
  const writer = await as(other, () => Meeting.bind(pipe, { ...who, uid: other }, () => undefined))
  t.equal(dirname(writer.path), directoryOf(other))
  t.equal(existsSync(directoryOf(owner)), false, 'none is made for somebody else')
  const reader = (await as(other, () => seekWriter(pipe, other, true))) as Socket
  t.equal(reader.readyState, 'open')
  reader.destroy()
  writer.close('leave')
  t.ok((await as(other, () => seekWriter(pipe, other, true))) instanceof Remains)
  t.equal(await as(owner, () => seekWriter(pipe, owner, true)), undefined, 'the owner of the pipe is told nothing by it')
})

t.test('that they may not look into the directory of its owner hinders them only where a writer of that user may have written', { skip: notRoot }, async (t) => {
  const { pipe, owner, other } = foreignPipe(t)
  const session = `/run/user/${owner}`
  t.teardown(() => rmSync(session, { recursive: true, force: true }))
  mkdirSync(join(session, 'flume'), { recursive: true })
  chownSync(join(session, 'flume'), owner, -1)
  chownSync(session, owner, -1)
  chmodSync(session, 0o700)
  await as(other, async () => {
    t.equal(writerMayBe(pipe, other, false), false)
    t.equal(await seekWriter(pipe, other, false), undefined)
    await t.rejects(seekWriter(pipe, other, true), { code: 'PERMISSION' })
    const writer = await Meeting.bind(pipe, { ...who, uid: other }, () => undefined)
    const reader = (await seekWriter(pipe, other, true)) as Socket
    t.equal(reader.readyState, 'open')
    reader.destroy()
    writer.close('remove')
  })
})

t.test('a reader does not talk to what another user has put where the socket would be', { skip: notRoot }, async (t) => {
  const { pipe, owner, other, directoryOf } = foreignPipe(t)
  const met: Socket[] = []
  await as(other, async () => mkdirSync(directoryOf(owner)))
  const server = createServer((socket) => met.push(socket)).listen(pathOf(pipe))
  await once(server, 'listening')
  t.teardown(() => server.close())
  chownSync(pathOf(pipe), other, -1)
  t.equal(writerMayBe(pipe, owner, true), false)
  t.equal(await seekWriter(pipe, owner, true), undefined)
  t.same(met, [])
})

t.test('another user is refused where a writer of the owner of the pipe may be, and goes on without acks where it cannot listen', { skip: notRoot }, async (t) => {
  const { pipe, writing, owner, other, directoryOf } = foreignPipe(t)
  const said: string[] = []
  const source: Source = {
    async *open() {
      yield* []
    },
    settle: async () => undefined,
  }
  const options = { pid: process.pid, uid: other, say: (text: string) => said.push(text), command: 'writer', ack: 'auto', grace: 0, nonce: () => '' } as const
  const write = (): Promise<unknown> => as(other, () => deliver(source, { ...options, fd: writing, clock: systemClock }, new AbortController().signal))
  mkdirSync(directoryOf(other))
  t.equal(await write(), 0)
  t.match(said, [`cannot listen for acks, going on without: cannot use ${directoryOf(other)}: it is not a directory of uid ${other}`])
  rmSync(directoryOf(other), { recursive: true })
  const first = await bind(pipe)
  t.teardown(() => first.close('remove'))
  await t.rejects(write(), { code: 'PERMISSION', message: `cannot talk to the writer of this pipe: it belongs to uid ${owner}, this is uid ${other}` })
  first.close('leave')
  await t.rejects(write(), { code: 'PERMISSION' })
  t.same(said.slice(1), [])
})

t.test('a login or logout between two writers hides neither the live socket nor the dead one of the first', { skip: notRoot }, async (t) => {
  const { pipe: root } = pipeOf(t)
  const pipe = { ...root, uid: 100_000 + process.pid }
  const session = `/run/user/${pipe.uid}`
  const before = pathOf(pipe)
  t.teardown(() => [session, dirname(before)].forEach((directory) => rmSync(directory, { recursive: true, force: true })))
  const first = await bind(pipe)
  mkdirSync(session, { recursive: true })
  chownSync(session, pipe.uid, -1)
  await t.rejects(bind(pipe), { code: 'BUSY' })
  first.close('leave')
  const second = await bind(pipe)
  t.equal(dirname(second.path), `${session}/flume`)
  t.equal(second.replaced, true)
  t.equal(existsSync(before), false)
  second.close('remove')
  const third = await bind(pipe)
  t.equal(third.replaced, false, 'what was taken away is not found again')
  third.close('remove')
  mkdirSync(dirname(before), { recursive: true })
  chownSync(dirname(before), 0, -1)
  symlinkSync(before, before)
  const fourth = await bind(pipe)
  t.equal(fourth.replaced, false, 'what another user put there is not looked at')
  fourth.close('remove')
})
