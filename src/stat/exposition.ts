/** All stages as metrics, in the text format that Prometheus reads, version 0.0.4. */
import type { Answers } from './ask.js'
import { aboutText, type FlowStat, type StageStat } from './report.js'

interface Head {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
}

interface Metric extends Head {
  /** Of each place; undefined: not known of this one. */
  value(flow: FlowStat): number | undefined
}

const METRICS: readonly Metric[] = [
  { name: 'flume_events_total', type: 'counter', help: 'Events passed on since the start of the stage.', value: ({ events }) => events },
  { name: 'flume_bytes_total', type: 'counter', help: 'Bytes of these events.', value: ({ bytes }) => bytes },
  { name: 'flume_unacked_events', type: 'gauge', help: 'Events passed on and not acked.', value: ({ unacked }) => unacked },
  { name: 'flume_lag_events', type: 'gauge', help: 'Events that are there and not acked.', value: ({ lagEvents }) => lagEvents },
  { name: 'flume_lag_bytes', type: 'gauge', help: 'Bytes that are there and were not read.', value: ({ lagBytes }) => lagBytes },
  { name: 'flume_lag_seconds', type: 'gauge', help: 'Age of the oldest event that is not acked.', value: ({ lagSeconds }) => lagSeconds },
  { name: 'flume_missed_total', type: 'counter', help: 'Events that an optional output has not got.', value: ({ missed }) => missed },
]

/** Of a stage as a whole. */
const UP: Head = { name: 'flume_stage_up', type: 'gauge', help: '1: the stage answers; 0: it runs and does not.' }
const REJECTS: Head = { name: 'flume_rejects_total', type: 'counter', help: 'Lines that were no events, since the start of the stage.' }

export function exposition({ stages, silent }: Answers): string {
  const text = METRICS.flatMap((metric) => [...headOf(metric), ...stages.flatMap((stage) => samplesOf(metric, stage))])
  const rejects = stages.map((stage) => `${REJECTS.name}{${labels({ ...named(stage), about: aboutText(stage.about) })}} ${stage.rejects}`)
  const up = [
    ...stages.map((stage) => `flume_stage_up{${labels(named(stage))}} 1`),
    ...silent.map((stage) => `flume_stage_up{${labels(named(stage))}} 0`),
  ]
  return `${[...headOf(UP), ...up, ...text, ...headOf(REJECTS), ...rejects].join('\n')}\n`
}

function headOf({ name, type, help }: Head): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}

function samplesOf({ name, value }: Metric, stage: StageStat): string[] {
  return stage.flows.flatMap((flow) => {
    const number = value(flow)
    const place = { role: flow.role, ...(flow.name === undefined ? {} : { name: flow.name }) }
    return number === undefined ? [] : [`${name}{${labels({ ...named(stage), ...place, about: aboutText(stage.about) })}} ${number}`]
  })
}

function named({ command, pid, uid }: { readonly command: string; readonly pid: number; readonly uid: number }): Record<string, string> {
  return { command, pid: String(pid), uid: String(uid) }
}

function labels(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`)
    .join(',')
}
