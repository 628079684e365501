/** Gives memory back that V8 holds for as much work as there was last: up to 50 MB of a process that has nothing to do now. */
import { runInNewContext } from 'node:vm'
import { setFlag } from './v8.js'

/** ms after which V8 believes that little is allocated, and lets its young generation shrink. */
const CALM = 20_000

/**
 * From now on the young generation stays as small as it is: V8 doubles it up to 32 MB as soon as much survives, as where ten
 * thousand files are met. What the commands do in bulk lies in buffers and makes little garbage.
 */
export function staySmall(): void {
  setFlag('--semi-space-growth-factor=1')
}

/** Whoever rests needs no code that is compiled already: a MB. */
const ALL = { type: 'major', execution: 'sync', flavor: 'last-resort' }

let gc: ((how?: typeof ALL) => void) | undefined
let again: NodeJS.Timeout | undefined

/** 50 ms for 20 MB that are in use; now and once more. */
export function collect(): void {
  setFlag('--expose-gc')
  setFlag('--compact-on-every-full-gc')
  const collects = (gc ??= runInNewContext('gc') as NonNullable<typeof gc>)
  collects()
  clearTimeout(again)
  again = setTimeout(() => collects(ALL), CALM).unref()
}
