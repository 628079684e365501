/** The process of flume-stat. */
import { start } from '../start.js'

void start(() => import('../commands/stat.js'))
