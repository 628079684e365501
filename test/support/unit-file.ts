/** Unit files of systemd as systemd reads them, systemd.syntax(7) and systemd.service(5): as much of it as ours need. */

/** All values of a key, in order. */
export function valuesOf(unit: string, key: string): string[] {
  return [...unit.replace(/\\\n/g, ' ').matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value!)
}

/** The words of a command line, with its specifiers replaced: `{ i: 'nginx' }` is %i. */
export function wordsOf(line: string, specifiers: Readonly<Record<string, string>>): string[] {
  const words = line.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? []
  return words.map((word) => {
    const text = word.replace(/^(['"])(.*)\1$/s, '$2')
    return text.replace(/%(.)/g, (all, letter: string) => (letter === '%' ? '%' : (specifiers[letter] ?? all))).replaceAll('$$', '$')
  })
}
