/** In place of the global: the end of a turn of one process. */
import { running } from './kernel.js'

export function setImmediate(call: () => void): void {
  running.post(running.current!, call)
}
