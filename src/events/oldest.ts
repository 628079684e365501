/** What came first into a Map or Set goes first, in constant time: each new iterator over one steps over all that was deleted at its beginning. */

interface Keys<K> {
  keys(): Iterator<K, unknown>
  delete(key: K): boolean
}

export class Oldest<K> {
  #keys: Iterator<K, unknown>

  constructor(readonly of: Keys<K>) {
    this.#keys = of.keys()
  }

  /** Nothing, where it is empty. */
  remove(): void {
    let next = this.#keys.next()
    if (next.done === true) next = (this.#keys = this.of.keys()).next() // an iterator that has ended stays so
    if (next.done !== true) this.of.delete(next.value)
  }
}
