/** What came first into a Map or Set goes first, in constant time: each new iterator over one steps over all that was deleted at its beginning. */

interface Keys<K> {
  readonly size: number
  keys(): Iterator<K, unknown>
  delete(key: K): boolean
}

export class Oldest<K> {
  #keys: Iterator<K, unknown> | undefined
  #added = 0

  constructor(readonly of: Keys<K>) {}

  /** To be called for what comes in while nothing has to go: V8 keeps for an iterator all tables that the Map has outgrown since its last step. */
  added(): void {
    if (this.#keys !== undefined && ++this.#added > this.of.size) this.#keys = undefined
  }

  /** Nothing, where it is empty. */
  remove(): void {
    this.#added = 0
    let next = (this.#keys ??= this.of.keys()).next()
    if (next.done === true) next = (this.#keys = this.of.keys()).next() // an iterator that has ended stays so
    if (next.done !== true) this.of.delete(next.value)
  }
}
