/**
 * The whole line under kill -9, see test/support/killing.ts; `npm run prove` kills more. Not tested here: loss of power
 * (test/channel does, on a disk that forgets).
 */
import t from 'tap'
import { killAndCount, SEED } from '../support/killing.js'

const KILLS = Number(process.env.FLUME_KILLS ?? 20)
const SINK = "flume-sink-hdfs --path 'out/%H' --roll-interval 100ms"

t.test(`${KILLS} kills of random stages leave each line exactly once (seed ${SEED})`, { timeout: 3_600_000 }, async (t) => {
  await killAndCount(t, ["flume-tail 'app.log*'", 'flume-buffer q', SINK], KILLS)
})

const FEWER = Math.ceil(KILLS / 2)
t.test(`${FEWER} kills with an interceptor before the queue, ${FEWER} with one behind it (seed ${SEED})`, { timeout: 3_600_000 }, async (t) => {
  const intercept = 'flume-intercept --static env=prod --copy body=line --rename line=body'
  await killAndCount(t, ["flume-tail 'app.log*'", intercept, 'flume-buffer q', SINK], FEWER)
  await killAndCount(t, ["flume-tail 'app.log*'", 'flume-buffer q', intercept, SINK], FEWER)
})
