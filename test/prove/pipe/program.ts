/** main.ts with src/pipe and what it uses of src/disk as they are, above the kernel in miniature. */
import { join } from 'node:path'
import type { Plugin } from 'esbuild'
import type { Program } from '../bundle.js'

const here = import.meta.dirname
const kernel: Plugin = {
  name: 'kernel',
  setup({ onResolve }) {
    onResolve({ filter: /^node:(fs|net)$/ }, ({ path, importer }) =>
      /\/src\/(disk\/(fd|sockets|pipe-writer)|pipe\/rendezvous)\.ts$/.test(importer) ? { path: join(here, `${path.slice(5)}.ts`) } : undefined)
    onResolve({ filter: /\/proc\.js$/ }, ({ importer }) => (/\/src\/pipe\//.test(importer) ? { path: join(here, 'proc.ts') } : undefined))
  },
}

export const PROGRAM: Program = { entry: join(here, 'main.ts'), inject: join(here, 'globals.ts'), plugins: [kernel] }
