/** The steps at which a stage may die on the pipe; a test kills it at each. Called just after the step is done. */
export const WRITER_STEPS = [
  'bound', // listens, under another name
  'placed', // the socket is where readers look
  'early', // plain events written before anybody came
  'accepted', // a reader has connected
  'greeted', // the writer's hello is sent
  'begun', // the begin line is written
  'asked', // the positions are asked for
  'batch-written', // a batch without its mark
  'mark-written',
  'ack-read', // an ack of events came, nothing is settled yet
  'settled', // the source has remembered the ack
  'bye-sent',
  'output-closed',
] as const

export const READER_STEPS = [
  'connected', // to the writer's socket
  'hello-sent',
  'hello-read', // the writer's hello came
  'begin-read',
  'ask-read',
  'have-sent',
  'batch-read', // a whole batch with its mark
  'ack-sent',
  'bye-read',
] as const

export type PipeStep = (typeof WRITER_STEPS)[number] | (typeof READER_STEPS)[number]
