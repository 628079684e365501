/** What holds for the interceptors that are typed behind it, until it is typed again. */
import { FlumeError } from '../errors.js'
import { BODY } from './draft.js'

/** What becomes of an event that an interceptor cannot do. */
export type OnError = 'pass' | 'drop' | 'reject' | 'fail'

export interface Settings {
  /** Where interceptors look: a header, or the body. */
  readonly field: string
  /** What the names of headers begin with that are found. */
  readonly prefix: string
  readonly onError: OnError
}

export const SETTINGS: Settings = { field: BODY, prefix: '', onError: 'pass' }

export function fieldSetting(text: string): Partial<Settings> {
  if (text === '') throw new FlumeError('BAD_OPTION', 'the name of a header is empty')
  return { field: text }
}
