/** Many things in the order of their places: added behind the last, taken from the first, and found without looking at all of them. */
export class InOrder<T> {
  /** The first `#taken` of them are not there any more. */
  #things: (T | undefined)[] = []
  #taken = 0

  /** No two have the same place. */
  constructor(readonly placeOf: (thing: T) => number) {}

  get first(): T | undefined {
    return this.#things[this.#taken]
  }

  get count(): number {
    return this.#things.length - this.#taken
  }

  push(thing: T): void {
    this.#things.push(thing)
  }

  /** The first, which goes. */
  shift(): T | undefined {
    const { first } = this
    if (first === undefined) return undefined
    this.#things[this.#taken++] = undefined
    if (this.#taken * 2 > this.#things.length) this.#close() // not each time: that moves all others
    return first
  }

  /** Undefined: none has this place. */
  at(place: number): T | undefined {
    const { first } = this
    if (first === undefined || place < this.placeOf(first)) return undefined
    let low = this.#taken // from here up to `high`: the last one that is not behind that place
    let high = this.#things.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.placeOf(this.#things[middle]!) <= place) low = middle
      else high = middle - 1
    }
    return this.placeOf(this.#things[low]!) === place ? this.#things[low] : undefined
  }

  #close(): void {
    this.#things.splice(0, this.#taken)
    this.#taken = 0
  }
}
