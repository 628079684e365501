/**
 * flume-spool in a whole line under kill -9. `npm run prove:spool` does it with 50,000 small files and three of 200 MB:
 * FLUME_SPOOL_FILES, FLUME_SPOOL_LARGE (how many, of how many bytes), FLUME_KILLS and FLUME_SEED choose what.
 */
import t from 'tap'
import '../support/real-processes.js'
import { SEED } from '../support/killing.js'
import { killSpoolAndCount } from '../support/spool-killing.js'

t.setTimeout(3_600_000)

const KILLS = Number(process.env.FLUME_KILLS ?? 20)
const FILES = Number(process.env.FLUME_SPOOL_FILES ?? 300)
const [COUNT = 1, BYTES = 20_000_000] = process.env.FLUME_SPOOL_LARGE?.split('x').map(Number) ?? []
/** ms; a line that has more to do lives longer. */
const LIFE = FILES > 10_000 ? 6000 : 900

t.test(`${KILLS} kills while files are dropped leave each line once, and each file set aside (beside ${FILES} files, seed ${SEED})`, async (t) => {
  await killSpoolAndCount(t, { kills: KILLS, seed: SEED, files: FILES, large: { count: COUNT, bytes: BYTES }, life: LIFE })
})
