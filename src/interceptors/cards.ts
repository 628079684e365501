/** Numbers of payment cards in a text, for --redact. Other numbers may stand beside them, with no more between than between their own digits. */

/** Where one may begin: so many digits follow, with a blank or a hyphen between two of them at most. */
const START = /(?<!\d)[2-6](?=(?:[ -]?\d){12})/g

/** How one is written, the longer forms first: in one, in the usual groups, and in any where no number stands beside it. */
const FORMS: readonly RegExp[] = [
  '\\d{13,19}', grouped(4, 4, 4, 4, 3), grouped(4, 4, 4, 4), grouped(4, 6, 5), grouped(4, 6, 4), grouped(4, 3, 3, 3),
  '(?<!\\d[ -])\\d(?:[ -]?\\d){12,18}(?![ -]\\d)',
].map((form) => new RegExp(`${form}(?!\\d)`, 'y'))

function grouped(...sizes: readonly number[]): string {
  return sizes.map((size) => `\\d{${size}}`).join('[ -]')
}

/** `[card]` stands in the place of each. */
export function withoutCards(text: string): string {
  let redacted = ''
  let at = 0
  for (const { index } of text.matchAll(START)) {
    const end = index < at ? -1 : cardEnd(text, index)
    if (end < 0) continue
    redacted += `${text.slice(at, index)}[card]`
    at = end
  }
  return redacted + text.slice(at)
}

/** Index behind the card that begins at `from`; -1: there is none. */
function cardEnd(text: string, from: number): number {
  for (const form of FORMS) {
    form.lastIndex = from
    if (form.test(text) && isCard(text.slice(from, form.lastIndex).replace(/\D/g, ''))) return form.lastIndex
  }
  return -1
}

/** The check digit of ISO/IEC 7812. */
function isCard(digits: string): boolean {
  let sum = 0
  for (let n = 0; n < digits.length; n++) {
    const digit = digits.charCodeAt(digits.length - 1 - n) - 0x30
    sum += n % 2 === 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9
  }
  return sum % 10 === 0
}
