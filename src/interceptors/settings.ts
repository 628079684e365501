/** What holds for the interceptors that are typed behind it, until it is typed again. */
import { FlumeError } from '../errors.js'
import { BODY } from './draft.js'

/** What becomes of an event that an interceptor cannot do. */
export const ON_ERROR = ['pass', 'drop', 'reject', 'fail'] as const
export type OnError = (typeof ON_ERROR)[number]

export interface Settings {
  /** Where interceptors look: a header, or the body. */
  readonly field: string
  /** What the names of headers begin with that are found. */
  readonly prefix: string
  readonly onError: OnError
  /** IANA name, of times that do not say theirs; undefined: that of this machine. */
  readonly timeZone: string | undefined
  /** Of times that do not say theirs; undefined: it is guessed. */
  readonly year: number | undefined
}

export const INITIAL_SETTINGS: Settings = { field: BODY, prefix: '', onError: 'pass', timeZone: undefined, year: undefined }

export function fieldSetting(text: string): Partial<Settings> {
  if (text === '') throw new FlumeError('BAD_OPTION', 'the name of a header is empty')
  return { field: text }
}

export function yearSetting(text: string): Partial<Settings> {
  if (!/^\d{4}$/.test(text)) throw new FlumeError('BAD_OPTION', 'expected a year, such as 2005')
  return { year: Number(text) }
}
