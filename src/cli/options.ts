/** Options that several commands share, and those that every command has. A command spreads in what it takes. */
import type { Options } from './command.js'

/** main.ts adds these to every command and acts on them itself. */
export const COMMON = {
  help: { type: 'flag', alias: 'h', typedOnly: true, describe: 'show this help and exit' },
  version: { type: 'flag', alias: 'V', typedOnly: true, describe: 'show the version and exit' },
  completion: {
    type: 'text', choices: ['bash', 'zsh', 'fish'], placeholder: 'SHELL', typedOnly: true,
    describe: 'print how this shell completes the options, and exit',
  },
  'log-format': { type: 'text', default: 'text', choices: ['text', 'json'], placeholder: 'FORMAT', describe: 'how messages on stderr are written' },
} as const satisfies Options

/** Of a command that understands events. */
export const EVENTS = {
  // half of what a reader takes between two marks: a stage in between may add to it
  'event-bytes-max': { type: 'size', default: '16M', max: '128M', placeholder: 'SIZE', describe: 'longest event line; a longer one is no event' },
} as const satisfies Options

/** Of a command that writes events to a pipe, flume-pipe(7). */
export const OUTPUT = {
  ack: {
    type: 'text',
    default: 'auto',
    choices: ['auto', 'off', 'require'],
    placeholder: 'WHEN',
    describe: 'wait for acks where the reader gives them; off: trust the pipe; require: fail without them',
  },
  grace: { type: 'duration', default: '60s', placeholder: 'TIME', describe: 'wait so long for the last acks after the last byte' },
} as const satisfies Options

/** Of a command that must understand every line it is given. */
export const REJECTS = {
  rejects: { type: 'text', placeholder: 'FILE', describe: 'append lines that are no events here (default: in the state directory)' },
  'rejects-bytes-max': { type: 'size', default: '1G', placeholder: 'SIZE', describe: 'largest file of them; where it is full, exit 74, and nothing is lost' },
  strict: { type: 'flag', describe: 'exit 65 at the first line that is no event' },
} as const satisfies Options
