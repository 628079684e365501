/**
 * Bundles run from V8's code cache, which lies beside them: a start takes a sixth longer otherwise. V8 itself looks only at its
 * version, its flags and the length of the source, so checksums of the source and of the code are kept with it.
 */
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { Script } from 'node:vm'
import { crc32 } from 'node:zlib'

/** Two checksums, little-endian: V8 wants what follows aligned to this. */
const HEAD_SIZE = 8

export interface Bundle {
  readonly file: string
  readonly source: Buffer
  readonly script: Script
}

/** A CommonJS module of ASCII alone; `cache`: where writeCompiled() may have left what it made of it. Throws the errors of read(2). */
export function readBundle(file: string, cache?: string): Bundle {
  const source = fs.readFileSync(file)
  const code = cache === undefined ? undefined : codeFor(source, cache)
  const text = `(function (exports, require, module, __filename, __dirname) {${source.toString('latin1')}\n})`
  return { file, source, script: new Script(text, { filename: file, ...(code && { cachedData: code }) }) }
}

/** Throws what the bundle throws. */
export function runBundle({ file, script }: Bundle): void {
  const module = { exports: {} }
  const run = script.runInThisContext() as (...scope: unknown[]) => void
  run.call(module.exports, module.exports, createRequire(file), module, file, dirname(file))
}

/** All functions that have run by now, as V8 has compiled them. Throws the errors of write(2). */
export function writeCompiled({ source, script }: Bundle, path: string): void {
  const code = script.createCachedData()
  fs.writeFileSync(`${path}.tmp`, Buffer.concat([headOf(source, code), code]))
  fs.renameSync(`${path}.tmp`, path)
}

/** Undefined: there is none, none that can be read, or it was made of something else or is damaged. */
function codeFor(source: Buffer, path: string): Buffer | undefined {
  try {
    const whole = fs.readFileSync(path)
    const code = whole.subarray(HEAD_SIZE)
    return whole.subarray(0, HEAD_SIZE).equals(headOf(source, code)) ? code : undefined
  } catch {
    return undefined
  }
}

function headOf(source: Buffer, code: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_SIZE)
  head.writeUInt32LE(crc32(source), 0)
  head.writeUInt32LE(crc32(code), 4)
  return head
}
