/** An event: headers, all text, and a body, any bytes. flume-event(5) */
export interface Event {
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** Header of an event that stands for lost ones. */
export const GAP = 'flume.gap'
