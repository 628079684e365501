/** --filter, --exclude: which events go on (Flume's regex_filter, with excludeEvents false and true). */
import { DROP, type Interceptor } from './interceptor.js'
import { headerOnly } from './names.js'
import { regexOf } from './regex.js'
import type { Settings } from './settings.js'

/** Where the field is missing it does not match. */
export function filter(text: string, { field }: Settings): Interceptor {
  return filtering(text, field, true)
}

export function exclude(text: string, { field }: Settings): Interceptor {
  return filtering(text, field, false)
}

function filtering(text: string, field: string, goesOn: boolean): Interceptor {
  const regex = regexOf(text)
  return {
    changes: 'nothing',
    ...headerOnly(field),
    intercept(event) {
      const value = event.get(field)
      return (value !== undefined && regex.test(value)) === goesOn ? undefined : DROP
    },
  }
}
