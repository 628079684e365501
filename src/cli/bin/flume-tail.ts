/** The process of flume-tail. */
import { start } from '../start.js'

void start(() => import('../commands/tail.js'))
