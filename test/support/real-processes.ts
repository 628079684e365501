/**
 * Imported by tests that start real processes, for its effect: from here on a child gets exactly the environment it is
 * given. tap slips a NODE_OPTIONS into every child of its own, which doubles the time to start and makes stdout non-blocking.
 */
const spawning = (globalThis as Record<symbol, unknown>)[Symbol.for('process-on-spawn@*:singletonId')] as { listeners: unknown[] } | undefined
if (spawning !== undefined) spawning.listeners.length = 0
for (const name of Object.keys(process.env)) if (/^(NODE_OPTIONS|_?TAP|TS_NODE)/.test(name)) delete process.env[name]
