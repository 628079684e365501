/** The files of which something was sent and that are not set aside yet: by partition, and by what tells one file from all others. */
import type { FileStat } from '../../disk/disk.js'
import type { FoundFile } from '../found-file.js'
import { SpoolFile, identityOf, type SpoolPosition } from './file.js'

/** Files that may be read for nobody who acks and then come once more, as that lasts no longer than a start. */
const UNHELD_MAX = 20_000

export class Known {
  readonly all = new Map<string, SpoolFile>()
  #byKey = new Map<string, SpoolFile>()
  /** As a reader had them at the start, by the path of then. */
  #byPath = new Map<string, SpoolFile>()
  /** Ids of files that were read for nobody who acks, by what tells a file, as it is, from all others. */
  readonly #unheld = new Map<string, string>()

  /** For another reader; files that are being set aside stay. */
  begin(places: ReadonlyMap<string, readonly SpoolPosition[]>): void {
    const aside = [...this.all.values()].filter((file) => file.aside)
    this.all.clear()
    this.#byKey.clear()
    this.#byPath.clear()
    for (const [id, positions] of places) {
      const file = SpoolFile.standing(id, positions)
      this.add(file)
      this.#byPath.set(file.path, file)
    }
    for (const file of aside) this.add(file)
  }

  add(file: SpoolFile): void {
    this.all.set(file.id, file)
    this.#byKey.set(file.key, file)
  }

  remove(file: SpoolFile): void {
    this.all.delete(file.id)
    if (this.#byKey.get(file.key) === file) this.#byKey.delete(file.key)
    if (this.#byPath.get(file.path) === file) this.#byPath.delete(file.path)
  }

  /** Of one that is none of these. While nobody acks it is the same again: by that it is known what was refused of it before. */
  idOf(stat: FileStat, acks: boolean, newId: () => string): string {
    const key = `${identityOf(stat)} ${stat.modified} ${stat.size}`
    const id = this.#unheld.get(key) ?? newId()
    if (acks) this.#unheld.delete(key)
    else if (this.#unheld.size < UNHELD_MAX) this.#unheld.set(key, id)
    return id
  }

  /** The one that this is; where its inode is another (another disk, or mounted again), by its path, time and size. */
  of({ path, stat }: FoundFile): SpoolFile | undefined {
    const same = this.#byKey.get(identityOf(stat))
    if (same !== undefined) return same
    const moved = this.#byPath.get(path)
    const elsewhere = moved !== undefined && (moved.device !== String(stat.device) || !moved.sent)
    return elsewhere && moved.changedAt === stat.modified && moved.bytes === stat.size ? moved : undefined
  }
}
