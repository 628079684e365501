/**
 * Places in a text of JSON that is known to be sound, for what JSON.parse() does not tell: how something was written, such as a
 * number with more digits than a double holds.
 */

/** As the number with this path was written; keys of objects and indexes of arrays, and it is there. Of members of one name the last counts. */
export function numberAt(text: string, path: readonly (string | number)[]): string {
  const at = path.reduce<number>((from, key) => (typeof key === 'number' ? elementAt(text, from, key) : memberAt(text, from, key)), blankEnd(text, 0))
  return text.slice(at, valueEnd(text, at))
}

function elementAt(text: string, at: number, index: number): number {
  let from = blankEnd(text, at + 1)
  for (let left = index; left > 0; left--) from = blankEnd(text, blankEnd(text, valueEnd(text, from)) + 1)
  return from
}

function memberAt(text: string, at: number, key: string): number {
  let found = at
  for (let from = blankEnd(text, at + 1); text[from] === '"'; ) {
    const end = textEnd(text, from)
    const value = blankEnd(text, blankEnd(text, end) + 1)
    if (textOf(text, from, end) === key) found = value
    from = blankEnd(text, valueEnd(text, value))
    if (text[from] === ',') from = blankEnd(text, from + 1)
  }
  return found
}

/** The index behind the blanks at `from`. */
export function blankEnd(text: string, from: number): number {
  let at = from
  for (;;) {
    const code = text.charCodeAt(at)
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    at++
  }
}

/** The index behind the text whose first quote is at `at`. */
export function textEnd(text: string, at: number): number {
  let end = at + 1
  for (;;) {
    const code = text.charCodeAt(end)
    if (code === 0x22) return end + 1
    end += code === 0x5c ? 2 : 1
  }
}

/** What stands between the quotes at `from` and before `end`; undefined: it has half of a surrogate pair, which only an escape can bring. */
export function textOf(text: string, from: number, end: number): string | undefined {
  const inner = text.slice(from + 1, end - 1)
  if (!inner.includes('\\')) return inner
  const meant = JSON.parse(text.slice(from, end)) as string
  return meant.isWellFormed() ? meant : undefined
}

/** The index behind the value at `at`, whatever it is. */
export function valueEnd(text: string, at: number): number {
  let end = at
  for (let open = 0; ; ) {
    const code = text.charCodeAt(end)
    if (code === 0x22) {
      end = textEnd(text, end)
      if (open === 0) return end
    } else if (code === 0x7b || code === 0x5b) {
      open++
      end++
    } else if (code === 0x7d || code === 0x5d) {
      if (open === 0) return end
      end++
      if (--open === 0) return end
    } else if (open === 0 && (code === 0x2c || code <= 0x20)) {
      return end
    } else {
      end++
    }
  }
}
