/** --to-json: headers as a JSON object, in the body. What is a number, a truth or JSON stands in it without quotes. */
import { quoted } from '../events/json.js'
import { BODY } from './draft.js'
import type { Interceptor } from './interceptor.js'
import { headerOnly, nameList } from './names.js'
import type { Settings } from './settings.js'

export function toJson(text: string, { field }: Settings): Interceptor {
  const matches = nameList(text)
  return {
    changes: field === BODY ? 'body' : undefined,
    ...headerOnly(field),
    intercept(event) {
      const members: string[] = []
      for (const [name, value] of event.headers) {
        if (matches(name)) members.push(`${quoted(name)}:${event.isJson(name) ? value : quoted(value)}`)
      }
      event.set(field, `{${members.join(',')}}`, true)
      return undefined
    },
  }
}
