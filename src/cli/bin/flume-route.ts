/** The process of flume-route. */
import { start } from '../start.js'

void start(() => import('../commands/route.js'))
