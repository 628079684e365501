/** Which faults each system call of a pipeline is to meet, and all of them one after the other. */
import { join } from 'node:path'
import { Line, PIPELINES, type Call, type Fault, type Pipeline } from './line.js'

/** What may go wrong with a call of this name. */
const WHATS: Readonly<Record<string, readonly string[]>> = {
  write: ['kill', 'EIO', 'ENOSPC', 'EINTR', 'short'],
  pwrite: ['kill', 'EIO', 'ENOSPC', 'EINTR', 'short'],
  send: ['kill', 'EINTR', 'short'],
  fdatasync: ['kill', 'EIO', 'ENOSPC', 'EINTR'],
  fsync: ['kill', 'EIO', 'ENOSPC', 'EINTR'],
  open: ['kill', 'EMFILE', 'EIO', 'ENOSPC', 'EINTR'],
  connect: ['kill', 'EINTR'],
  rename: ['kill', 'EIO', 'ENOSPC'],
  link: ['kill', 'EIO', 'ENOSPC'],
  unlink: ['kill', 'EIO'],
  mkdir: ['kill', 'EIO', 'ENOSPC'],
  ftruncate: ['kill', 'EIO', 'ENOSPC'],
}
/** A pipe or a socket takes or is gone. */
const STREAM_WHATS = ['kill', 'EINTR', 'short']

export interface State extends Fault {
  readonly pipeline: Pipeline
  readonly call: Call
}

/** Of each call that a run without a fault makes. */
export async function statesOf(library: string, directory: string, pipelines = Object.keys(PIPELINES) as Pipeline[]): Promise<State[]> {
  const states: State[] = []
  for (const pipeline of pipelines) {
    const line = new Line(library, join(directory, pipeline), pipeline)
    line.begin()
    const { statuses, said, calls } = await line.run()
    if (statuses.some((status) => status !== 0)) throw new Error(`without a fault it ends with ${statuses.join(' ')}: ${said}`)
    for (const [stage, mine] of calls.entries()) {
      for (const [index, call] of mine.entries()) for (const what of whatsOf(call)) states.push({ pipeline, stage, at: index + 1, what, call })
    }
  }
  return states
}

function whatsOf({ name, path }: Call): readonly string[] {
  if (name === 'write' && !path.startsWith('/')) return STREAM_WHATS
  return WHATS[name] ?? []
}

export interface Found {
  readonly state: State
  readonly fault: string
}

/** Two side by side. */
export async function explore(library: string, directory: string, states: readonly State[]): Promise<{ met: number; found: Found[] }> {
  const left = [...states]
  const result = { met: 0, found: [] as Found[] }
  const lane = async (number: number): Promise<void> => {
    for (let state = left.shift(); state !== undefined; state = left.shift()) {
      const line = new Line(library, join(directory, `lane-${number}`), state.pipeline)
      const fault = await line.faultOf(state).catch((error: unknown) => String(error))
      if (fault !== 'unmet') result.met++
      if (fault !== undefined && fault !== 'unmet') result.found.push({ state, fault })
    }
  }
  await Promise.all([lane(0), lane(1)])
  return result
}

export function nameOf({ pipeline, stage, at, what, call }: State): string {
  return `${pipeline}, ${PIPELINES[pipeline][stage]?.split(' ')[0]}: ${what} at call ${at}, ${call.name} ${call.path}`
}
