/** The process of flume-spool. */
import { start } from '../start.js'

void start(() => import('../commands/spool.js'))
