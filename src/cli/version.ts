/**
 * The version in package.json: what --version prints and what a hello carries. Two folders up from here, and from
 * dist/bundle.
 */
import { createRequire } from 'node:module'

export const VERSION = (createRequire(import.meta.url)('../../package.json') as { version: string }).version
