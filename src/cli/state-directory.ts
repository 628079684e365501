/** Where commands keep state, as the XDG base directory specification says: a relative path there counts as unset. */
import { isAbsolute, join } from 'node:path'

export function stateDirectory(env: Readonly<Record<string, string | undefined>>, home: string): string {
  const base = env.XDG_STATE_HOME
  return join(base !== undefined && isAbsolute(base) ? base : join(home, '.local', 'state'), 'flume')
}
