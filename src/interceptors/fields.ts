/** --remove, --keep, --rename, --copy: which headers there are, and under which names (Flume's remove_header). */
import type { Interceptor } from './interceptor.js'
import { FlumeError } from '../errors.js'
import { BODY, RESERVED } from './draft.js'
import { headerOnly, nameList, pair, settable } from './names.js'

export function remove(text: string): Interceptor {
  if (text.split(',').some((name) => name.trim() === BODY)) {
    throw new FlumeError('BAD_OPTION', 'headers are removed, and every event has a body: --rename body=NAME makes a header of it')
  }
  return removing(nameList(text))
}

/** All others go, but ours. */
export function keep(text: string): Interceptor {
  const kept = nameList(text)
  return removing((name) => !kept(name) && !name.startsWith(RESERVED))
}

function removing(goes: (name: string) => boolean): Interceptor {
  return {
    headersOnly: true,
    intercept(event) {
      event.deleteHeaders(goes)
      return undefined
    },
  }
}

export function rename(text: string): Interceptor {
  return moving(text, 'OLD=NEW', true)
}

export function copy(text: string): Interceptor {
  return moving(text, 'FROM=TO', false)
}

/** Where the header is missing nothing happens. */
function moving(text: string, shape: string, away: boolean): Interceptor {
  const [from, to] = pair(text, shape)
  settable(from)
  settable(to)
  return {
    ...headerOnly(from, to),
    intercept(event) {
      const value = event.get(from)
      if (value === undefined || from === to) return undefined
      const json = event.isJson(from)
      if (away) event.delete(from)
      event.set(to, value, json)
      return undefined
    },
  }
}
