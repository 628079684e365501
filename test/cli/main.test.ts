import t from 'tap'
import { defineCommand, type Command, type Typed } from '../../src/cli/command.js'
import { STATUS } from '../../src/cli/exit.js'
import { main, type Io } from '../../src/cli/main.js'
import { nodeDisk } from '../../src/disk/node.js'
import { FlumeError, type Code } from '../../src/errors.js'

type Run = Command['run']

/** A command with an option of every type, and what it was called with. */
function tryOut(run: Run = async () => undefined): { command: Command; seen: { values: Record<string, unknown>; operands: readonly string[]; typed: readonly Typed[] }[] } {
  const seen: { values: Record<string, unknown>; operands: readonly string[]; typed: readonly Typed[] }[] = []
  const command = defineCommand({
    name: 'flume-try-out',
    summary: 'tries things',
    usage: '[OPTION]... FILE...',
    options: {
      from: { type: 'text', choices: ['beginning', 'end'], default: 'beginning', describe: 'where to begin' },
      header: { type: 'texts', alias: 'H', placeholder: 'K=V', describe: 'add a header' },
      once: { type: 'flag', describe: 'end at the end' },
      'size-max': { type: 'size', describe: 'most bytes' },
      'line-max': { type: 'size', default: '16M', max: '128M', describe: 'longest line' },
      'roll-interval': { type: 'duration', default: '10m', describe: 'at least so often' },
      'roll-count': { type: 'count', describe: 'at most so many' },
      path: { type: 'text', describe: 'where to' },
      state: { type: 'text', placeholder: 'FILE', describe: 'what is kept' },
      olddir: { type: 'texts', placeholder: 'DIR', describe: 'where else' },
      done: { type: 'text', placeholder: 'WHERE', describe: 'where then' },
      set: { type: 'texts', alias: 's', ordered: true, describe: 'step' },
      cut: { type: 'flag', ordered: true, describe: 'step' },
      drop: { type: 'texts', ordered: true, describe: 'step' },
      keep: { type: 'texts', choices: ['one', 'all'], ordered: true, describe: 'step' },
    },
    examples: [
      ['flume-try-out a', 'tries a'],
      ['flume-try-out --once b', 'tries b once'],
    ],
    async run(values, operands, context, typed) {
      seen.push({ values, operands, typed })
      return run(values, operands, context, typed)
    },
  })
  return { command, seen }
}

interface Said extends Io {
  out: string
  err: string
}

function world(env: Record<string, string> = {}, more: Partial<Io> = {}): Said {
  const io: Said = {
    out: '',
    err: '',
    env,
    directory: '/somewhere',
    home: '/home/alice',
    pid: 42,
    uid: 1000,
    disk: nodeDisk,
    isTerminal: () => false,
    print: (text) => void (io.out += text),
    complain: (text) => void (io.err += text),
    complainApart: (text) => void (io.err += text),
    stop: new AbortController().signal,
    ...more,
  }
  return io
}

t.test('options have the values of their types, defaults where nothing was typed', async (t) => {
  const { command, seen } = tryOut()
  t.equal(await main(command, ['a', '--size-max', '64K', '-H', 'a=b', '--header=c=d', '--once', '-', '--roll-count=7'], world()), 0)
  t.match(seen[0]?.values, { from: 'beginning', header: ['a=b', 'c=d'], once: true, 'size-max': 65_536, 'roll-interval': 600_000, 'roll-count': 7 })
  t.equal(seen[0]?.values.path, undefined)
  t.same(seen[0]?.operands, ['a', '-'], 'a dash is an operand')
  t.equal(await main(command, [], world()), 0)
  t.match(seen[1]?.values, { header: [], once: false })
  t.equal(await main(command, ['--path', '-1', '--header=-foo', '-H=--once'], world()), 0)
  t.match(seen[2]?.values, { path: '-1', header: ['-foo', '--once'], once: false }, 'what begins with a dash and is no number stands behind an equals sign')
})

t.test('-- ends the options, operands stay as they are typed', async (t) => {
  const { command, seen } = tryOut()
  t.equal(await main(command, ['--once', 'true', '007', '1e3', '--', '--from', '-x', '--', '-1', ''], world()), 0)
  t.same(seen[0]?.operands, ['true', '007', '1e3', '--from', '-x', '--', '-1', ''])
  t.equal(seen[0]?.values.from, 'beginning')
})

t.test('of an option given twice the last counts', async (t) => {
  const { command, seen } = tryOut()
  t.equal(await main(command, ['--from', 'end', '--size-max=5', '--from', 'beginning', '--size-max=6', '--once', '--once'], world()), 0)
  t.match(seen[0]?.values, { from: 'beginning', 'size-max': 6, once: true })
})

t.test('every long option can come from the environment, and argv wins', async (t) => {
  const { command, seen } = tryOut()
  const env = {
    FLUME_TRY_OUT_FROM: 'end',
    FLUME_TRY_OUT_SIZE_MAX: '5K',
    FLUME_TRY_OUT_ONCE: '1',
    FLUME_TRY_OUT_HEADER: 'a=b\nc=d',
    FLUME_TRY_OUT_ROLL_COUNT: '',
    FLUME_OTHER_FROM: 'nonsense',
  }
  t.equal(await main(command, ['--size-max', '6K'], world(env)), 0)
  t.match(seen[0]?.values, { from: 'end', 'size-max': 6144, once: true, header: ['a=b', 'c=d'] })
  t.equal(seen[0]?.values['roll-count'], undefined, 'an empty variable counts as unset')
  t.equal(await main(command, [], world({ FLUME_TRY_OUT_HEADER: 'a=b\nc=d\n', FLUME_TRY_OUT_DROP: '\n' })), 0)
  const { header, drop } = seen.pop()!.values
  t.same([header, drop], [['a=b', 'c=d'], []], 'a newline at its end begins no value')
  t.equal(await main(command, [], world({ FLUME_TRY_OUT_ONCE: 'no' })), 0)
  t.equal(seen[1]?.values.once, false)
})

t.test('help, version and completion are asked for by argv alone: a service that only seems to run moves nothing', async (t) => {
  const { command, seen } = tryOut()
  const io = world({ FLUME_TRY_OUT_HELP: '1', FLUME_TRY_OUT_VERSION: '1.2.3', FLUME_TRY_OUT_COMPLETION: 'bash' })
  t.equal(await main(command, [], io), 0)
  t.equal(seen.length, 1)
  t.equal(io.out + io.err, '')
})

t.test('a variable that is no option is told, not obeyed', async (t) => {
  const { command } = tryOut()
  const io = world({ FLUME_TRY_OUT_FORM: 'end' })
  t.equal(await main(command, [], io), 0)
  t.equal(io.err, 'flume-try-out: FLUME_TRY_OUT_FORM in the environment is no option of flume-try-out, and is ignored\n')
})

t.test('what cannot be understood is 64, with what was probably meant or expected', async (t) => {
  const { command, seen } = tryOut()
  const wrong: [argv: string[], env: Record<string, string>, said: RegExp][] = [
    [['--form', 'end'], {}, /unknown option --form: did you mean --from\?/],
    [['--onse'], {}, /unknown option --onse: did you mean --once\?/],
    [['--zzzzzz'], {}, /unknown option --zzzzzz \(see/],
    [['-x'], {}, /unknown option -x/],
    [['--toString'], {}, /unknown option --toString/],
    [['--__proto__=1'], {}, /unknown option --__proto__ \(see/],
    [['--no-once'], {}, /unknown option --no-once \(see/],
    [['--once=yes'], {}, /option --once takes no value/],
    [['--from'], {}, /option --from needs a value/],
    [['--from', '--once'], {}, /option --from needs a value .*--from=-x/],
    [['--path', '-foo'], {}, /option --path needs a value .*--path=-x/],
    [['-H', '-foo'], {}, /option -H needs a value .*-H=-x/],
    [['--from', 'middle'], {}, /bad value middle for --from: expected beginning or end/],
    [['--from='], {}, /bad value '' for --from/],
    [['--state='], {}, /--state: the name of the file is empty/],
    [['--olddir', 'a', '--olddir', ''], {}, /--olddir: the name of the directory is empty/],
    [[], { FLUME_TRY_OUT_OLDDIR: 'a\n\nb' }, /FLUME_TRY_OUT_OLDDIR: the name of the directory is empty/],
    [['--done', ''], {}, /--done: the value is empty/],
    [['-5', 'a'], {}, /unknown option -5: a file of that name is \.\/-5/],
    [['a', '-.5'], {}, /unknown option -\.5: /],
    [['-1', '--', '-2'], {}, /unknown option -1: /],
    [['--size-max', '-5'], {}, /bad value -5 for --size-max: expected a size of 0 or more, such as .*64K/],
    [['--size-max=lots'], {}, /bad value lots for --size-max/],
    [['--line-max', '129M'], {}, /bad value 129M for --line-max: expected a size of 128M at most/],
    [[], { FLUME_TRY_OUT_LINE_MAX: '1G' }, /bad value 1G for FLUME_TRY_OUT_LINE_MAX: expected a size of 128M at most/],
    [['--roll-interval', '60'], {}, /bad value 60 for --roll-interval: expected a time with its unit, such as .*10s/],
    [['--roll-count', '1.5'], {}, /bad value 1.5 for --roll-count: expected a whole number/],
    [['--log-format', 'xml'], {}, /expected text or json/],
    [['--keep', 'none'], {}, /bad value none for --keep: expected one or all/],
    [['--keep', 'none', '--keep', 'all'], {}, /bad value none for --keep/],
    [['--keep='], {}, /bad value '' for --keep/],
    [[], { FLUME_TRY_OUT_KEEP: 'all\nnone' }, /bad value none for FLUME_TRY_OUT_KEEP: expected one or all/],
    [['--keep', 'all'], { FLUME_TRY_OUT_KEEP: 'none' }, /bad value none for FLUME_TRY_OUT_KEEP/],
    [[], { FLUME_TRY_OUT_SIZE_MAX: '-1' }, /bad value -1 for FLUME_TRY_OUT_SIZE_MAX: expected a size/],
    [[], { FLUME_TRY_OUT_ONCE: 'perhaps' }, /bad value perhaps for FLUME_TRY_OUT_ONCE: expected 1 or 0/],
  ]
  for (const [argv, env, said] of wrong) {
    const io = world(env)
    t.equal(await main(command, argv, io), 64, argv.join(' '))
    t.match(io.err, said)
    t.match(io.err, /^flume-try-out: [^\n]*\(see flume-try-out --help\)\n$/, 'one line, and where to look')
    t.equal(io.out, '')
  }
  t.same(seen, [], 'the command never ran')
})

t.test('--help names every option and the examples on stdout, within 80 columns; --version the version', async (t) => {
  const { command, seen } = tryOut()
  const io = world()
  t.equal(await main(command, ['a', '--help'], io), 0)
  for (const text of ['usage: flume-try-out [OPTION]... FILE...', 'tries things', '-H, --header K=V', '--roll-interval TIME', 'default 10m', 'default 16M; at most 128M', '--log-format', '--version']) {
    t.ok(io.out.includes(text), text)
  }
  for (const [line, what] of command.examples) t.ok(io.out.includes(`  ${line}\n      ${what}\n`), line)
  for (const line of io.out.split('\n')) t.ok(line.length <= 80, line)
  const version = world()
  t.equal(await main(command, ['-V'], version), 0)
  t.match(version.out, /^flume-try-out \d+\.\d+\.\d+\n$/)
  t.equal(io.err + version.err, '')
  t.same(seen, [])
})

t.test('--help to a reader that is gone ends by SIGPIPE, on a full disk it is 74', async (t) => {
  const { command } = tryOut()
  const failing = (code: string): Said => world({}, { print: () => { throw Object.assign(new Error(code), { code, syscall: 'write' }) } })
  t.equal(await main(command, ['--help'], failing('EPIPE')), 'SIGPIPE')
  const full = failing('ENOSPC')
  t.equal(await main(command, ['--help'], full), 74)
  t.equal(full.err, 'flume-try-out: cannot write to stdout: no space left on device\n')
})

t.test('an error is one line with its reasons in words, and the status of its code', async (t) => {
  const denied = Object.assign(new Error("EACCES: permission denied, open 'x'"), { code: 'EACCES', syscall: 'open' })
  const cases: [FlumeError, number, string][] = [
    [new FlumeError('PERMISSION', 'cannot open x', { cause: denied }), 77, 'cannot open x: permission denied'],
    [new FlumeError('NO_INPUT', 'cannot read x: it is not there'), 66, 'cannot read x: it is not there'],
    [new FlumeError('IO', 'cannot put', { cause: new FlumeError('SEGMENT_WRITE', 'cannot append at byte 7', { cause: denied }) }), 74, 'cannot put: cannot append at byte 7: permission denied'],
    [new FlumeError('BUSY', 'cannot take from q', { cause: new Error('pid 77 has it') }), 75, 'cannot take from q: pid 77 has it'],
    [new FlumeError('IO', 'cannot read x', { cause: 'odd' }), 74, 'cannot read x: odd'],
  ]
  for (const [error, status, text] of cases) {
    const io = world()
    t.equal(await main(tryOut(() => Promise.reject(error)).command, [], io), status)
    t.equal(io.err, `flume-try-out: ${text}\n`)
  }
  for (const code of Object.keys(STATUS) as Code[]) {
    t.equal(await main(tryOut(() => Promise.reject(new FlumeError(code, 'cannot'))).command, [], world()), STATUS[code], code)
  }
})

t.test('where nothing can be made, as the file system is read-only, is 73', async (t) => {
  const readOnly = Object.assign(new Error('EROFS'), { code: 'EROFS', syscall: 'open', path: 'q/lock' })
  const io = world()
  t.equal(await main(tryOut(() => Promise.reject(readOnly)).command, [], io), 73)
  t.equal(io.err, 'flume-try-out: cannot open q/lock: read-only file system\n')
})

t.test('what nobody foresaw is 70, with its stack, and only that', async (t) => {
  const io = world()
  t.equal(await main(tryOut(() => Promise.reject(new TypeError('x is not a function'))).command, [], io), 70)
  t.match(io.err, /^flume-try-out: bug: x is not a function \(please report it, .*\)\nTypeError: x is not a function\n {4}at /)
  t.equal(await main(tryOut(() => Promise.reject('text')).command, [], world()), 70, 'even if it is no Error')
})

t.test('a message is one line, whatever a file name or a line of data holds', async (t) => {
  const io = world()
  const { command } = tryOut(async (_values, _operands, { say }) => say('a\x1b[2Jb\nc\r\t\x00\x9b\u2028\u202edne é €'))
  t.equal(await main(command, [], io), 0)
  t.equal(io.err, 'flume-try-out: a\\x1b[2Jb\\nc\\r\\t\\x00\\x9b\\u2028\\u202edne é €\n')
})

t.test('--log-format json makes every message one object', async (t) => {
  const io = world()
  const { command } = tryOut(async (_values, _operands, { say }) => {
    say('at "x"')
    throw new FlumeError('IO', 'cannot read x')
  })
  t.equal(await main(command, ['--log-format', 'json'], io), 74)
  const messages = io.err.trimEnd().split('\n').map((each) => JSON.parse(each) as Record<string, unknown>)
  t.match(messages, [
    { command: 'flume-try-out', pid: 42, level: 'info', message: 'at "x"', time: /^\d{4}-.*Z$/ },
    { level: 'error', message: 'cannot read x', status: 74 },
  ])
  t.equal(messages.length, 2)
  const early = world({ FLUME_TRY_OUT_LOG_FORMAT: 'json' })
  t.equal(await main(command, ['--form'], early), 64)
  t.match(JSON.parse(early.err), { level: 'error', status: 64 }, 'also when the options are wrong')
  for (const argv of [['--log-format', 'json', '--form'], ['--form', '--log-format=json'], ['--log-format=text', '--log-format=json', '--form']]) {
    const typed = world()
    t.equal(await main(command, argv, typed), 64)
    t.match(JSON.parse(typed.err), { level: 'error', status: 64 }, argv.join(' '))
  }
  const text = world({ FLUME_TRY_OUT_LOG_FORMAT: 'json' })
  t.equal(await main(command, ['--log-format', 'text', '--form'], text), 64)
  t.match(text.err, /^flume-try-out: unknown option/, 'argv wins here, too')
})

t.test('colours are for terminals, and not with NO_COLOR or a dumb one', async (t) => {
  const { command } = tryOut()
  const terminal = { isTerminal: () => true }
  const err = async (env: Record<string, string>, more: Partial<Io>): Promise<string> => {
    const io = world(env, more)
    await main(command, ['-x'], io)
    return io.err
  }
  t.match(await err({}, terminal), /^\x1b\[31mflume-try-out:\x1b\[39m /)
  t.match(await err({ NO_COLOR: '' }, terminal), /\x1b/)
  for (const plain of [err({}, {}), err({ NO_COLOR: '1' }, terminal), err({ TERM: 'dumb' }, terminal)]) t.notMatch(await plain, /\x1b/)
})

t.test('after a signal the command ends by it, whatever it was thrown out of', async (t) => {
  const stopped = (signal: string): Partial<Io> => {
    const stop = new AbortController()
    stop.abort(signal)
    return { stop: stop.signal }
  }
  t.equal(await main(tryOut().command, [], world({}, stopped('SIGTERM'))), 'SIGTERM')
  const thrown = tryOut(async (_values, _operands, { stop }) => stop.throwIfAborted())
  t.equal(await main(thrown.command, [], world({}, stopped('SIGINT'))), 'SIGINT')
  const failed = tryOut(() => Promise.reject(new FlumeError('IO', 'cannot sync q')))
  t.equal(await main(failed.command, [], world({}, stopped('SIGHUP'))), 74, 'what went wrong meanwhile is not hidden')
  t.equal(await main(tryOut(async () => 'SIGPIPE').command, [], world()), 'SIGPIPE')
  t.equal(await main(tryOut(async () => 75).command, [], world()), 75)
})

t.test('state lies in $XDG_STATE_HOME, else in the home directory', async (t) => {
  const directories: string[] = []
  const { command } = tryOut(async (_values, _operands, { stateDirectory }) => void directories.push(stateDirectory))
  for (const env of [{ XDG_STATE_HOME: '/var/state' }, {}, { XDG_STATE_HOME: '' }, { XDG_STATE_HOME: 'relative' }]) await main(command, [], world(env))
  t.same(directories, ['/var/state/flume', ...Array<string>(3).fill('/home/alice/.local/state/flume')])
})

t.test('options whose order matters come in the order typed, those of the environment first', async (t) => {
  const orderOf = async (argv: string[], env: Record<string, string> = {}): Promise<string> => {
    const { command, seen } = tryOut()
    t.equal(await main(command, argv, world(env)), 0)
    return seen[0]!.typed.map(({ name, text }) => `${name} ${text}`).join('; ')
  }
  t.equal(await orderOf(['--set', 'a=1', 'file', '--cut', '--drop=x', '--once', '-s', 'b', '-s=c', '--drop', 'y=z']), 'set a=1; cut true; drop x; set b; set c; drop y=z')
  t.equal(await orderOf(['--drop', 'y', '--', '--cut']), 'drop y')
  const env = { FLUME_TRY_OUT_DROP: 'x\ny', FLUME_TRY_OUT_SET: 'a', FLUME_TRY_OUT_CUT: '1' }
  t.equal(await orderOf(['--cut', '--set', 'b'], env), 'set a; cut true; drop x; drop y; cut true; set b', 'what is typed replaces none of them')
  t.equal(await orderOf([], { FLUME_TRY_OUT_DROP: 'x', FLUME_TRY_OUT_SET: 'a', FLUME_TRY_OUT_CUT: '0' }), 'set a; drop x')
})
