/** npm run kernels: src/events/escape.wat as WebAssembly, in src/events/escape-wasm.ts. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import wabt from 'wabt'
import { ROOT } from './source.js'

const SOURCE = join(ROOT, 'src/events/escape.wat')
const TARGET = join(ROOT, 'src/events/escape-wasm.ts')
const COLUMNS = 116

/** The text of escape-wasm.ts. Throws where escape.wat is wrong, and says where. */
export async function compileKernels(): Promise<string> {
  const module = (await wabt()).parseWat(SOURCE, readFileSync(SOURCE, 'utf8'))
  try {
    module.validate()
    const text = Buffer.from(module.toBinary({}).buffer).toString('base64')
    const parts = text.match(new RegExp(`.{1,${COLUMNS}}`, 'g')) ?? []
    return [
      '/** escape.wat, compiled by `npm run kernels`: not to be changed by hand. */',
      'export const MODULE =',
      ...parts.map((part, index) => `  '${part}'${index < parts.length - 1 ? ' +' : ''}`),
      '',
    ].join('\n')
  } finally {
    module.destroy()
  }
}

if (process.argv[1] === import.meta.filename) writeFileSync(TARGET, await compileKernels())
