/** A header of one event on its way, whose text is taken out of the bytes of the body once somebody wants it. */
import { PUT_SIZE_MAX } from '../events/put.js'

export class Header {
  name = ''
  /** Undefined: it stands in the bytes of the body, from `from` to `to`. */
  text: string | undefined
  from = 0
  to = 0
  /** Its text is JSON as it stands: a number, true, an object. */
  json = false
  /** Its name as it is written, once that was asked for. */
  key: Buffer | undefined

  /** Bytes that it takes in a line at most; what is Latin-1 grows to twice its size. */
  get sizeMax(): number {
    return (this.name.length + (this.text === undefined ? 2 * (this.to - this.from) : this.text.length)) * PUT_SIZE_MAX + 6
  }
}
