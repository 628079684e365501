/** Deliberate bugs of the pipe, each a change of its source: the campaign must find them all. Those marked so were there, and found by it. */
import type { Mutant } from '../bundle.js'

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'a dead socket is removed though a writer has put its own in place of it (was there)',
    edits: [{ file: 'disk/sockets.ts', from: 'if (only === undefined || socketAt(path)?.id === only.id) fs.unlinkSync(path)', to: 'fs.unlinkSync(path); void only' }],
  },
  {
    name: 'a dead socket is removed before the pipe is empty (was there)',
    edits: [{ file: 'pipe/input.ts', from: '      this.#remains = found\n', to: '      this.#remains = found\n      found.remove()\n' }],
  },
  {
    name: 'what is being written when a writer is stopped is not void (was there)',
    edits: [{ file: 'pipe/output.ts', from: 'this.#writer.written + this.#writer.waiting === 0', to: 'this.#writer.written === 0' }],
  },
  {
    name: 'the socket is left while bytes are still on their way into the pipe (was there)',
    edits: [{ file: 'pipe/listener.ts', from: 'if (waiting > 0 && !error && this.options.own !== true)', to: 'if (false as boolean)' }],
  },
  {
    name: 'a writer that replaced the socket of a killed one removes its own at an early end (was there)',
    edits: [{ file: 'pipe/output.ts', from: ' === 0 && this.#door?.replaced !== true', to: ' === 0' }],
  },
  {
    name: 'what a reader left unread that said bye is not void (was there)',
    edits: [{ file: 'pipe/output.ts', from: "this.#listener.leave(talk.settled ? 'remove' : 'leave')", to: "this.#listener.leave('remove')" }],
  },
  {
    name: 'a writer with nothing to send ends before its begin line is read (was there)',
    edits: [{ file: 'pipe/conversation.ts', from: 'return this.complete && (this.#begun || !this.acks)', to: 'return this.complete' }],
  },
  {
    name: 'the begin line of a writer that has said bye and gone is not waited for (was there)',
    edits: [{ file: 'pipe/input.ts', from: 'const vanished = writer?.vanished(this.#role.acks !== false) === true', to: 'const vanished = writer?.gone === true' }],
  },
  {
    name: 'a writer that was met and never answered makes void what others wrote (was there)',
    edits: [{ file: 'pipe/input.ts', from: 'if (this.#writer?.begun === true) this.#startVoid', to: 'if (this.#writer) this.#startVoid' }],
  },
  {
    name: 'whoever waits for acks before it asks does not say so (was there)',
    edits: [{ file: 'pipe/conversation.ts', from: '    if (!this.complete) this.flush()\n', to: '' }],
  },
  {
    name: 'on EPIPE the socket of a FIFO is removed (was there)',
    edits: [{ file: 'pipe/output.ts', from: '((error ?? this.#abandoned) && this.#stat.anonymous)', to: '(error ?? this.#abandoned)' }],
  },
  {
    name: 'the socket is left while bytes are on their way to a reader that said bye (was there)',
    edits: [{ file: 'pipe/output.ts', from: "this.#listener.leave(talk.settled ? 'remove' : 'leave')", to: "this.#door?.close(talk.settled ? 'remove' : 'leave')" }],
  },
  {
    name: 'a reader is greeted though nothing can be written any more (was there)',
    edits: [{ file: 'pipe/output.ts', from: '    if (this.#writer.error) return this.#broken() // it came', to: '    // it came' }],
  },
  {
    name: 'what was read is used before a look for its writer',
    edits: [{ file: 'pipe/input.ts', from: "if (this.#stat.kind === 'pipe' && this.#intake.fresh && (!writer || vanished))", to: "if (this.#stat.kind === 'pipe' && this.#intake.fresh && this.#intake.length === 0 && (!writer || vanished))" }],
  },
  {
    name: 'begin tells of no void bytes',
    edits: [{ file: 'pipe/output.ts', from: "door.replaced ? 'all' : this.#writer.written", to: "door.replaced ? 'all' : 0" }],
  },
  {
    name: 'a writer that replaces a dead socket tells of its own bytes only',
    edits: [{ file: 'pipe/output.ts', from: "door.replaced ? 'all' : this.#writer.written", to: 'this.#writer.written' }],
  },
  {
    name: 'begin is written over an unfinished write',
    edits: [{ file: 'pipe/output.ts', from: 'while (!visitor.gone && !this.#writer.settled) await this.#changed()', to: '' }],
  },
  {
    name: 'what a killed writer left without a mark is used',
    edits: [
      { file: 'pipe/input.ts', from: '    if (voids) this.#startVoid(writer.name)\n', to: '' },
      { file: 'pipe/input.ts', from: "      this.#startVoid('a writer that died or failed')\n", to: '' },
    ],
  },
  {
    name: 'the void ends at once',
    edits: [
      { file: 'pipe/input.ts', from: '    if (!this.#intake.empty) this.#intake.poll()\n', to: '' },
      { file: 'pipe/input.ts', from: '    if (!this.#intake.empty && !this.#intake.ended) return this.#idle()\n    this.#voided', to: '    this.#voided' },
    ],
  },
  {
    name: 'a mark is believed though the bytes before it do not add up',
    edits: [{ file: 'pipe/input.ts', from: ' || line.bytes !== at) return', to: ') return' }],
  },
  {
    name: 'a second writer takes the place of the first',
    edits: [{ file: 'pipe/rendezvous.ts', from: "if (refusal === undefined || errno === 'EAGAIN') throw busy()", to: "if (refusal === undefined || errno === 'EAGAIN') return removeSocket(path)" }],
  },
  {
    name: 'a dead socket is passed over',
    edits: [{ file: 'pipe/rendezvous.ts', from: "    if (errnoOf(answer) === 'ECONNREFUSED') return new Remains(path, there)\n", to: "    if (errnoOf(answer) === 'ECONNREFUSED') continue\n" }],
  },
  {
    name: 'a writer that ends before it has let a reader in counts as none (was there)',
    edits: [
      { file: 'pipe/rendezvous.ts', from: "resolve(errnoOf(error) === 'ECONNRESET' ? connect(path) : error)", to: 'resolve(error)' },
      { file: 'pipe/rendezvous.ts', from: "if (errnoOf(answer) !== 'ENOENT') throw new FlumeError(", to: 'void (' },
    ],
  },
  {
    name: 'an ack covers the mark after it',
    edits: [{ file: 'pipe/conversation.ts', from: 'return this.#acks.ack(number)', to: 'return this.#acks.ack(Math.min(number + 1, this.#acks.last))' }],
  },
  {
    name: 'a writer does not wait for its last acks',
    edits: [{ file: 'pipe/output.ts', from: 'await this.#grace.until(() => talk.settled || talk.over)', to: '' }],
  },
  {
    name: 'news that come during a look are slept through',
    edits: [{ file: 'pipe/input.ts', from: 'if (stop.aborted || this.#news) return', to: 'if (stop.aborted) return' }],
  },
  {
    name: 'a reader forgets writers that wait for their last acks',
    edits: [{ file: 'pipe/input.ts', from: '      this.#former.add(writer)\n', to: '      writer.destroy()\n' }],
  },
  {
    name: 'a relay does not break with its writer when its reader is another one',
    edits: [{ file: 'pipe/input.ts', from: '    this.#leave()\n    this.#role = role', to: '    this.#role = role' }],
  },
]
