/** Calls that wait for the disk, a bounded number of them side by side: one after the other, ten thousand take many seconds. */

/** The results in the order of what they were made of, at most `most` begun before they are taken. */
export async function* abreast<T, R>(all: readonly T[], most: number, work: (one: T) => Promise<R>): AsyncGenerator<[T, R]> {
  for (let i = 0; i < all.length; i += most) {
    const some = all.slice(i, i + most)
    const results = await Promise.all(some.map(work))
    for (const [index, one] of some.entries()) yield [one, results[index]!]
  }
}
