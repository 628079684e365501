/**
 * Tests that need a real Hadoop. Without Java, Maven or network they are skipped by name, with the reason; with CI=true
 * they fail.
 */
import type { Test } from 'tap'
import { hadoop } from './hadoop.js'

/** A test, given the cluster of its file. */
export type Rule<C> = (name: string, test: (t: Test, cluster: C) => Promise<void>) => void

/**
 * `const rule = await hadoopRules(t, (t) => startHdfs(t))`, and then `rule('a sentence', async (t, hdfs) => …)`: all rules share
 * one cluster, started with the first of them, and ended with `t`.
 */
export async function hadoopRules<C>(t: Test, start: (t: Test) => Promise<C>): Promise<Rule<C>> {
  const found = await hadoop()
  let cluster: Promise<C> | undefined
  return (name, test) => {
    if (!('missing' in found)) {
      void t.test(name, async (inner) => test(inner, await (cluster ??= start(t))))
    } else if (process.env.CI === 'true') {
      void t.test(name, async (inner) => inner.fail(`needs a real HDFS: ${found.missing}`))
    } else {
      process.stderr.write(`# skipped, no real HDFS (${found.missing}): ${name}\n`)
      void t.test(name, { skip: `no real HDFS: ${found.missing}` }, async () => {})
    }
  }
}
