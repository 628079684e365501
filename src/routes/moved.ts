/** Partitions of what one output was given, did not ack, and another was given instead: that one may have what comes after it. */

/** What stands in this partition, and that output was given first, as another is given it. */
export function moved(partition: string, output: string): string {
  return `${partition}.moved.${output}`
}

/** The other way round; undefined: it is no such partition. */
export function movedFrom(partition: string): { readonly partition: string; readonly output: string } | undefined {
  const [, of, output] = /^(.+)\.moved\.([\w-]+)$/.exec(partition) ?? []
  return of === undefined || output === undefined ? undefined : { partition: of, output }
}
