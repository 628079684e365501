/** How each file of bin begins: its bundle, from what V8 has compiled of it for this node where compile.sh has left that. */
import * as module from 'node:module'
import { readBundle, readCompiled, runBundle, writeCompiled } from '../../disk/compiled.js'
import { WRITES_CODE_CACHE } from '../v8.js'

/** Node's own cache of code, from 22.1 on, knows only what is compiled while a module loads. */
const { enableCompileCache } = module as { readonly enableCompileCache?: () => void }

export function load(file: string): void {
  const path = `${file.replace(/\.cjs$/, '')}-${process.version}-${process.arch}.cache`
  if (WRITES_CODE_CACHE) {
    const bundle = readBundle(file)
    process.once('exit', () => writeCompiled(bundle, path))
    return runBundle(bundle)
  }
  const cache = readCompiled(path)
  if (cache !== undefined) return runBundle(readBundle(file, cache))
  enableCompileCache?.()
  module.createRequire(file)(file)
}
