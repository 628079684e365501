/** --extract: headers from the named groups of a regular expression (Flume's regex_extractor). */
import { CUT, Unfit, type Interceptor, type Outcome } from './interceptor.js'
import { headerOnly, settable } from './names.js'
import { groupNames, regexOf } from './regex.js'
import type { Settings } from './settings.js'

/** Where the field is missing, where it does not match, and for a group that did not take part, nothing changes. */
export function extract(text: string, { field, prefix }: Settings): Interceptor {
  const regex = regexOf(text)
  const groups = groupNames(regex).map((group) => [group, settable(prefix + group)] as const)
  return {
    ...headerOnly(field, ...groups.map(([, name]) => name)),
    intercept(event): Outcome {
      const text = event.get(field)
      const found = text === undefined ? undefined : regex.exec(text)?.groups
      if (found === undefined) return undefined
      if (groups.some(([group]) => found[group]?.isWellFormed() === false)) return new Unfit(CUT)
      for (const [group, name] of groups) {
        const value = found[group]
        if (value !== undefined) event.set(name, value)
      }
      return undefined
    },
  }
}
