/** Where a path leads in the end. */
import { realpathSync } from 'node:fs'

/** Undefined: nowhere, or nobody may look. */
export function realPath(path: string): string | undefined {
  try {
    return realpathSync(path)
  } catch {
    return undefined
  }
}
