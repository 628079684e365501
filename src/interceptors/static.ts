/** --static, --default: a header with a fixed value (Flume's static, with preserveExisting false and true). */
import type { Interceptor } from './interceptor.js'
import { headerOnly, pair, settable } from './names.js'

export function staticHeader(text: string): Interceptor {
  const [name, value] = pair(text, 'NAME=VALUE')
  return setting(settable(name), value)
}

export function defaultHeader(text: string): Interceptor {
  const [name, value] = pair(text, 'NAME=VALUE')
  settable(name)
  return {
    ...headerOnly(name),
    intercept(event) {
      if (event.get(name) === undefined) event.set(name, value)
      return undefined
    },
  }
}

/** Sets this header, whatever was there. */
export function setting(name: string, value: string): Interceptor {
  return {
    ...headerOnly(name),
    intercept(event) {
      event.set(name, value)
      return undefined
    },
  }
}
