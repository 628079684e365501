/** A configuration directory of Hadoop, as HADOOP_CONF_DIR names it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Properties = Readonly<Record<string, string>>

const LOG4J = `log.level=INFO
log4j.rootLogger=\${log.level},console
log4j.logger.org.apache.hadoop.util.NativeCodeLoader=ERROR
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d %p %c{1}: %m%n
`

/** Writes core-site.xml, hdfs-site.xml and log4j.properties into `directory`, which is made. */
export function writeConf(directory: string, core: Properties, hdfs: Properties): void {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'core-site.xml'), xml(core))
  writeFileSync(join(directory, 'hdfs-site.xml'), xml(hdfs))
  writeFileSync(join(directory, 'log4j.properties'), LOG4J)
}

function xml(properties: Properties): string {
  const lines = Object.entries(properties).map(([name, value]) => `  <property><name>${escape(name)}</name><value>${escape(value)}</value></property>\n`)
  return `<?xml version="1.0" encoding="UTF-8"?>\n<configuration>\n${lines.join('')}</configuration>\n`
}

function escape(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
}
