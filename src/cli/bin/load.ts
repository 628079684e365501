/** How each file of bin begins: its bundle, from what V8 has compiled of it for this node where compile.sh has left that. */
import { readBundle, runBundle, writeCompiled } from '../../disk/compiled.js'
import { WRITES_CODE_CACHE } from '../v8.js'

/** Node's own cache of code (22.1 on) would lie in /tmp, where others may have made its directory. */
export function load(file: string): void {
  const path = `${file.replace(/\.cjs$/, '')}-${process.version}-${process.arch}.cache`
  const bundle = readBundle(file, WRITES_CODE_CACHE ? undefined : path)
  if (WRITES_CODE_CACHE) process.once('exit', () => writeCompiled(bundle, path))
  runBundle(bundle)
}
