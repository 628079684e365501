/** The process of flume-sink-hdfs. */
import { start } from '../start.js'

void start(() => import('../commands/sink-hdfs.js'))
