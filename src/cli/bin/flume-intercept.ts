/** The process of flume-intercept. */
import { start } from '../start.js'

void start(() => import('../commands/intercept.js'))
