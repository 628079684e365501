/**
 * Other agents, each with a queue on disk between a file and a file, as their own documents have it for that: beside what
 * the three stages do. They never end by themselves, so that each is ended where the last byte is in place.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { jarsOf, type Missing } from '../../support/hadoop/jars.js'
import type { Line } from '../shell.js'
import { unpacked } from './debian.js'

export interface Agent {
  readonly name: string
  /** Syncs each batch before it takes it as kept, as the stages do. */
  readonly syncs: boolean
  /** Writes its configuration into `directory`, and says how it is started where `out` and `state` in it are empty. */
  line(directory: string, file: string, bytes: number): Promise<Pick<Line, 'script' | 'stages'> | Missing>
}

/** s between two looks at what has come out. */
const LOOK = 0.1
const POM = fileURLToPath(new URL('pom.xml', import.meta.url))

export const AGENTS: readonly Agent[] = [
  {
    name: 'rsyslog',
    syncs: false,
    async line(directory, file, bytes) {
      const found = await unpacked('rsyslog')
      if ('missing' in found) return found
      const conf = written(join(directory, 'rsyslog.conf'), `
        global(workDirectory="${directory}/state" maxMessageSize="1m" parser.escapeControlCharactersOnReceive="off")
        module(load="imfile")
        template(name="line" type="string" string="%rawmsg%\\n")
        ruleset(name="move" queue.type="Disk" queue.filename="q" queue.maxFileSize="100m" queue.dequeueBatchSize="1024") {
          action(type="omfile" file="${directory}/out/log" template="line")
        }
        input(type="imfile" file="${file}" tag="log" ruleset="move")\n`)
      const modules = library(found.root, 'rsyslog')
      return until(bytes, `${started(found.root, 'rsyslogd')} -n -f "${conf}" -i "${directory}/state/pid" -M "${modules}"`, 'rsyslogd')
    },
  },
  {
    name: 'syslog-ng',
    syncs: false,
    async line(directory, file, bytes) {
      const found = await unpacked('syslog-ng-core')
      if ('missing' in found) return found
      const modules = join(found.root, 'usr/lib/syslog-ng/3.38')
      const conf = written(join(directory, 'syslog-ng.conf'), `@version: 3.38
        options { stats-freq(0); use-dns(no); dns-cache(no); log-msg-size(1048576); };
        source s { file("${file}" flags(no-parse) log-iw-size(100000) log-fetch-limit(10000)); };
        destination d {
          file("${directory}/out/log" template("$MESSAGE\\n") disk-buffer(reliable(yes) disk-buf-size(2147483648) dir("${directory}/state")));
        };
        log { source(s); destination(d); flags(flow-control); };\n`)
      const files = ['R', 'p', 'c'].map((flag) => `-${flag} "${directory}/state/${flag}"`).join(' ')
      return until(bytes, `${started(found.root, 'syslog-ng')} -F --no-caps -f "${conf}" ${files} --module-path="${modules}"`, 'syslog-ng')
    },
  },
  {
    name: 'Apache Flume',
    syncs: true,
    async line(directory, file, bytes) {
      const found = await jarsOf(POM, 'Apache Flume 1.11.0')
      if ('missing' in found) return found
      const parts = {
        'sources': 'r', 'channels': 'c', 'sinks': 'k',
        'sources.r.type': 'TAILDIR', 'sources.r.channels': 'c', 'sources.r.batchSize': 5000, 'sources.r.positionFile': `${directory}/state/positions`,
        'sources.r.filegroups': 'f', 'sources.r.filegroups.f': file,
        'channels.c.type': 'file', 'channels.c.checkpointDir': `${directory}/state/checkpoint`, 'channels.c.dataDirs': `${directory}/q`,
        'channels.c.capacity': 5_000_000, 'channels.c.transactionCapacity': 10_000,
        'sinks.k.type': 'file_roll', 'sinks.k.channel': 'c', 'sinks.k.sink.directory': `${directory}/out`,
        'sinks.k.sink.rollInterval': 0, 'sinks.k.sink.batchSize': 5000,
      }
      const conf = written(join(directory, 'flume.conf'), Object.entries(parts).map(([key, value]) => `a.${key} = ${value}\n`).join(''))
      const main = 'org.apache.flume.node.Application'
      return until(bytes, `java -Xmx2g -cp "${found.jars}/*" ${main} -n a -f "${conf}" --no-reload-conf >"${directory}/state/log" 2>&1`, main)
    },
  },
]

/** Where the libraries of a package are, on this machine's processor. */
function library(root: string, name: string): string {
  return join(root, 'usr/lib/x86_64-linux-gnu', name)
}

function started(root: string, program: string): string {
  const paths = [library(root, ''), join(root, 'lib/x86_64-linux-gnu'), join(root, 'usr/lib/syslog-ng')]
  return `LD_LIBRARY_PATH="${paths.join(':')}" "${root}/usr/sbin/${program}"`
}

function written(path: string, text: string): string {
  writeFileSync(path, text)
  return path
}

/** For bash: runs until so many bytes are in the files of `out`. `word`: the end of one of its arguments. */
function until(bytes: number, command: string, word: string): Pick<Line, 'script' | 'stages'> {
  const size = 'stat -c %s "$D"/out/* 2>/dev/null | tail -n 1'
  const wait = `while kill -0 $agent && [ "$(${size})" != ${bytes} ]; do sleep ${LOOK}; done`
  return { script: `${command} & agent=$!; ${wait}; kill -9 $agent; wait $agent 2>/dev/null; true`, stages: new Map([[word, 'agent']]) }
}
