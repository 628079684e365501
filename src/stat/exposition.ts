/** All stages as metrics, in the text format that Prometheus reads, version 0.0.4. */
import type { Answers } from './ask.js'
import type { FlowStat, StageStat } from './report.js'

interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  /** Undefined: not known of this place. */
  value(flow: FlowStat, stage: StageStat): number | undefined
}

const METRICS: readonly Metric[] = [
  { name: 'flume_events_total', type: 'counter', help: 'Events passed on since the start of the stage.', value: ({ events }) => events },
  { name: 'flume_bytes_total', type: 'counter', help: 'Bytes of these events.', value: ({ bytes }) => bytes },
  { name: 'flume_unacked_events', type: 'gauge', help: 'Events passed on and not acked.', value: ({ unacked }) => unacked },
  { name: 'flume_lag_events', type: 'gauge', help: 'Events that are there and not acked.', value: ({ lagEvents }) => lagEvents },
  { name: 'flume_lag_bytes', type: 'gauge', help: 'Bytes that are there and were not read.', value: ({ lagBytes }) => lagBytes },
  { name: 'flume_lag_seconds', type: 'gauge', help: 'Age of the oldest event that is not acked.', value: ({ lagSeconds }) => lagSeconds },
  { name: 'flume_missed_total', type: 'counter', help: 'Events that an optional output has not got.', value: ({ missed }) => missed },
  { name: 'flume_rejects_total', type: 'counter', help: 'Lines that were no events, since the start of the stage.', value: (_, { rejects }) => rejects },
]

export function exposition({ stages, silent }: Answers): string {
  const text = METRICS.flatMap(({ name, type, help, value }) => {
    const samples = stages.flatMap((stage) =>
      stage.flows.flatMap((flow) => {
        const number = value(flow, stage)
        const place = { role: flow.role, ...(flow.name === undefined ? {} : { name: flow.name }) }
        return number === undefined ? [] : [`${name}{${labels({ ...named(stage), ...place, about: stage.about })}} ${number}`]
      }),
    )
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples]
  })
  const up = [
    ...stages.map((stage) => `flume_stage_up{${labels(named(stage))}} 1`),
    ...silent.map((stage) => `flume_stage_up{${labels(named(stage))}} 0`),
  ]
  return `${['# HELP flume_stage_up 1: the stage answers; 0: it runs and does not.', '# TYPE flume_stage_up gauge', ...up, ...text].join('\n')}\n`
}

function named({ command, pid, uid }: { readonly command: string; readonly pid: number; readonly uid: number }): Record<string, string> {
  return { command, pid: String(pid), uid: String(uid) }
}

function labels(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`)
    .join(',')
}
