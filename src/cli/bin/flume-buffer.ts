/** The process of flume-buffer. */
import { start } from '../start.js'

void start(() => import('../commands/buffer.js'))
