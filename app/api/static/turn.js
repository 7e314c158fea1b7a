// One question and its answer: sent, followed, stopped.

import { Answer } from './answer.js'
import * as api from './api.js'
import { el } from './dom.js'
import * as key from './key.js'
import { RunReader } from './stream.js'
import { Trace } from './trace.js'

const PATIENCE = 2500 // milliseconds of silence before it is told what is waited for

export class Turn {
  runId = null
  live = false
  trace = null
  #reader = null
  #timer = null
  #stopping = false
  #name = api.newName()

  /** `scene` has `changed(turn)`, `said(turn, text)`, `ended(turn, reason, error)`,
   * `event(turn)`, `connection(turn, state)`, and the acts `again`, `continue`, `new`. */
  constructor(question, scene) {
    this.question = question
    this.scene = scene
    this.element = el('section', { class: 'turn' })
    if (question)
      this.element.append(
        el(
          'div',
          { class: 'question' },
          el('h2', { class: 'unseen' }, 'Question'),
          el('p', {}, question),
        ),
      )
    this.#blank()
  }

  #blank() {
    this.answer?.element.remove()
    const { scene } = this
    this.answer = new Answer({
      again: () => scene.again(this),
      continue: () => scene.continue(),
      new: () => scene.new(),
    })
    this.element.append(this.answer.element)
  }

  get text() {
    return this.answer.text
  }

  /** Show an answer that has ended. */
  past(runId, answers) {
    const { model, finish_reason: reason = 'stop' } = answers.at(-1)
    this.runId = runId
    this.answer.add({ content: answers.map(answer => answer.content).join('\n\n') })
    this.answer.end(reason, null, [model])
  }

  /** Start the run, and follow it. Sent again, a question that was heard is not asked again. */
  async send(body) {
    this.body = body
    this.#begin()
    const asked = performance.now()
    try {
      const { run_id: runId, stream_url: address } = await api.ask(
        { ...body, background: true },
        this.#name,
      )
      this.follow(runId, address, new Trace(runId, body, asked))
    } catch (error) {
      this.#end('error', error)
    }
    return this.runId
  }

  follow(runId, address, trace = new Trace(runId)) {
    this.runId = runId
    this.trace = trace
    this.#begin()
    this.#reader = new RunReader(runId, address, {
      chunk: (chunk, event) => this.#chunk(chunk, event),
      snapshot: state => this.#snapshot(state),
      connection: state => this.#connection(state),
      lost: error => this.#lost(error),
    })
    this.scene.changed(this)
    if (this.#stopping) this.stop()
  }

  async stop() {
    this.#stopping = true
    if (!this.live || !this.runId) return
    this.answer.wait('Stopping …')
    try {
      await api.cancel(this.runId)
    } catch {
      this.answer.wait('The server did not hear that it should stop. Try again.')
    }
  }

  cut() {
    this.#reader?.cut()
  }

  /** Stop reading; the run goes on. */
  leave() {
    clearTimeout(this.#timer)
    this.#reader?.close()
  }

  /** Wait for an answer; an earlier attempt is wiped out. */
  #begin() {
    if (this.live) return
    this.live = true
    this.#blank()
    this.#timer = setTimeout(() => this.answer.wait('Waiting for the model …'), PATIENCE)
    this.scene.changed(this)
  }

  #chunk(chunk, event) {
    this.trace.event(event, chunk)
    this.scene.event(this)
    if (chunk.content || chunk.reasoning || chunk.tool) {
      clearTimeout(this.#timer)
      if (!this.text) this.answer.wait('')
    }
    this.answer.add(chunk)
    if (chunk.content) this.scene.said(this, chunk.content)
    if (chunk.done) this.#end(chunk.finish_reason, chunk.error, chunk)
  }

  /** What events cannot tell any more, or what a reconnect found at its end. */
  #snapshot(state) {
    this.answer.show(state)
    this.trace.mark(
      state.truncated ? 'the beginning is no longer kept' : 'read from the state of the run',
    )
    if (state.finish_reason) this.#end(state.finish_reason, state.error, state)
  }

  #connection(state) {
    if (state === 'open') this.answer.wait('')
    if (state !== 'open' && this.trace.state !== state)
      this.trace.mark(
        state === 'cut' ? 'connection cut on purpose' : 'connection lost; trying again',
      )
    if (state === 'open' && this.trace.state && this.trace.state !== 'open')
      this.trace.mark('connected again')
    this.trace.state = state
    if (state === 'cut') this.answer.wait('The connection was cut. The answer goes on by itself.')
    if (state === 'waiting') {
      this.answer.wait(
        key.wasDeclined()
          ? 'The server wants a key. The answer goes on when it has one.'
          : navigator.onLine
            ? 'The server cannot be reached; it may be restarting. Trying again …'
            : 'You are offline. The answer goes on when you are connected again.',
      )
    }
    this.scene.connection(this, state)
  }

  /** The run is not known any more; the conversation may still hold what it said. */
  async #lost(error) {
    try {
      const { messages } = await api.conversation(this.body?.conversation_id ?? this.scene.id)
      const kept = messages.findLast(
        message => message.run_id === this.runId && message.role === 'assistant',
      )
      if (kept) {
        this.answer.show(kept)
        return this.#end(kept.finish_reason ?? 'stop', null, kept)
      }
    } catch {
      // Then what has arrived is all that there is.
    }
    this.#end('unknown_run', error)
  }

  #end(reason, error, { model, usage } = {}) {
    clearTimeout(this.#timer)
    this.#reader?.close()
    this.live = false
    this.usage = usage
    const seconds = this.trace ? (performance.now() - this.trace.asked) / 1000 : 0
    const own = this.trace?.request // else it was asked before this page was there
    this.answer.end(reason, error, [
      model,
      usage && `${usage.output_tokens} tokens`,
      own && `${seconds.toFixed(1)} s`,
    ])
    this.scene.connection(this, 'none')
    this.scene.ended(this, reason, error)
  }
}
