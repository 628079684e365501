/** readdir(3) for a walk that passes over in silence what it cannot look into: somebody is told of that. */
import { readdir, type Dirent } from 'node:fs'

type Listed<Entry> = (error: NodeJS.ErrnoException | null, entries: Entry[]) => void
interface Readdir {
  (directory: string, options: { withFileTypes: true }, listed: Listed<Dirent>): void
  (directory: string, listed: Listed<string>): void
}

export function tellingReaddir(cannot: (directory: string, error: unknown) => void): Readdir {
  const telling = <Entry>(directory: string, listed: Listed<Entry>): Listed<Entry> => (error, entries) => {
    if (error !== null) cannot(directory, error)
    listed(error, entries)
  }
  return (directory: string, options: { withFileTypes: true } | Listed<string>, listed?: Listed<Dirent>): void => {
    if (typeof options === 'function') readdir(directory, telling(directory, options))
    else readdir(directory, options, telling(directory, listed!))
  }
}
