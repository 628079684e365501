/** Flags of V8 that are set while it runs. V8 takes compiled code, also that of Node's own modules, only under the flags it was made with. */
import { setFlagsFromString } from 'node:v8'

/** Of this process the code is kept for others, who load it before they set a flag: compile.sh. */
export const WRITES_CODE_CACHE = process.env.FLUME_CODE_CACHE === 'write'

/** Once what is needed is loaded. */
export function setFlag(flag: string): void {
  if (!WRITES_CODE_CACHE) setFlagsFromString(flag)
}
