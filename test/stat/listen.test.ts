/** The metrics as a Prometheus gets them: a real server on a port of its own. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:http'
import t from 'tap'
import { listenForScrapes } from '../../src/stat/listen.js'

t.test('connections that cannot be let in, as where there are no descriptors left, end nothing', async (t) => {
  const stop = new AbortController()
  t.teardown(() => stop.abort())
  const url = await new Promise<string>((resolve) => void listenForScrapes('127.0.0.1', 0, () => Promise.resolve('up 1\n'), resolve, stop.signal))
  let server: Server | undefined
  const asked = (message: unknown): void => void ({ server } = message as { server: Server })
  subscribe('http.server.request.start', asked)
  t.teardown(() => unsubscribe('http.server.request.start', asked))
  t.equal(await (await fetch(url)).text(), 'up 1\n')
  for (let refused = 0; refused < 3; refused++) server!.emit('error', new Error('accept EMFILE'))
  t.equal(await (await fetch(url)).text(), 'up 1\n')
})
