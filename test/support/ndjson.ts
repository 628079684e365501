/** Numbers and bytes that look random and are the same in every run. */

/** next(n): a whole number below n. A linear congruential generator of 32 bits, Numerical Recipes. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Bytes with many line ends, quotes, backslashes and controls, mostly text: what a log has, and what it should not have. */
export function bytesOf(next: (below: number) => number, size: number): Buffer {
  const odd = ['\n', '\r\n', '"', '\\', '\t', '\0', '\u001b[1m', 'é', '\u2028', '😀', '\u007f', '\r', '\\u0041', '"}\n', '{"body":"']
  const pieces: Buffer[] = []
  for (let left = size; left > 0; ) {
    const kind = next(20)
    const piece = kind < 12
      ? Buffer.alloc(1 + next(30), 97 + next(26))
      : kind < 19 ? Buffer.from(odd[next(odd.length)]!) : Buffer.from([128 + next(128)])
    pieces.push(piece)
    left -= piece.length
  }
  return Buffer.concat(pieces)
}
