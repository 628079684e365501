/** All decoders. */
import type { Target } from './target.js'
import { CHANNEL } from './targets/channel.js'
import { EVENTS } from './targets/events.js'
import { HDFS } from './targets/hdfs.js'
import { PIPE } from './targets/pipe.js'
import { RULE_TARGETS } from './targets/rules.js'
import { SOURCES } from './targets/sources.js'

export const TARGETS: readonly Target[] = [...EVENTS, ...CHANNEL, ...PIPE, ...SOURCES, ...RULE_TARGETS, ...HDFS]
