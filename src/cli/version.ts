/** The version in package.json: what --version prints and what a hello carries. */
import { createRequire } from 'node:module'

export const VERSION = (createRequire(import.meta.url)('../../package.json') as { version: string }).version
