// One question and its answer: starts the run, follows it, and cancels it.

import { Answer } from './answer.js'
import * as api from './api.js'
import { el } from './dom.js'
import * as key from './key.js'
import { RunReader } from './stream.js'
import { Trace } from './trace.js'

/** @import { ChatRequest, Chunk, ErrorInfo, RunState, Usage } from './wire.js' */
/** @import { ConnectionState } from './stream.js' */

/**
 * What a turn reports to its conversation, and what the buttons of its answer do.
 * @typedef {object} TurnListener
 * @property {string | null} conversationId
 * @property {(turn: Turn) => unknown} retry
 * @property {() => unknown} continue
 * @property {() => unknown} new
 * @property {(turn: Turn) => void} changed its run started, or its request was sent
 * @property {(text: string) => void} text text of the answer arrived
 * @property {() => void} event
 * @property {(state: ConnectionState) => void} connection
 * @property {(turn: Turn, reason: string, error: ErrorInfo | api.ApiError | null) => void} ended
 */

const STATUS_DELAY = 2500 // milliseconds without a chunk before the page shows what it waits for

/** A question and its answer. */
export class Turn {
  /** @type {string | null} */
  runId = null
  live = false
  /** @type {Trace | null} */
  trace = null
  /** @type {ChatRequest | null} */
  body = null // of the request that this page sent
  /** @type {Usage | undefined} */
  usage
  /** @type {RunReader | null} */
  #reader = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #stopping = false
  #idempotencyKey = api.newId()

  /**
   * @param {string} question
   * @param {TurnListener} listener
   */
  constructor(question, listener) {
    this.question = question
    this.listener = listener
    this.element = el('section', { class: 'turn' })
    if (question) {
      const heading = el('h2', { class: 'unseen' }, 'Question')
      this.element.append(el('div', { class: 'question' }, heading, el('p', {}, question)))
    }
    this.answer = this.#newAnswer()
  }

  #newAnswer() {
    const { listener } = this
    const answer = new Answer({
      retry: () => listener.retry(this),
      continue: () => listener.continue(),
      new: () => listener.new(),
    })
    this.element.append(answer.element)
    return answer
  }

  /** The text of the answer so far. */
  get text() {
    return this.answer.text
  }

  /**
   * Show an answer that has ended.
   * @param {string} runId
   * @param {{content: string, model?: string, finish_reason?: string}[]} answers
   */
  showStored(runId, answers) {
    const last = answers.at(-1)
    this.runId = runId
    this.answer.add({ content: answers.map(answer => answer.content).join('\n\n') })
    this.answer.end(last?.finish_reason ?? 'stop', null, [last?.model])
  }

  /**
   * Start the run, and follow it. If an earlier attempt reached the server, its run is followed.
   * @param {ChatRequest} body
   * @returns {Promise<string | null>} the id of the run; null if it did not start
   */
  async send(body) {
    this.body = body
    this.#begin()
    const startedAt = performance.now()
    try {
      const run = await api.startRun({ ...body, background: true }, this.#idempotencyKey)
      this.follow(run.run_id, run.stream_url, new Trace(run.run_id, body, startedAt))
    } catch (error) {
      this.#end('error', /** @type {api.ApiError} */ (error))
    }
    return this.runId
  }

  /**
   * Follow a run.
   * @param {string} runId
   * @param {string} url the address of its stream
   * @param {Trace} [trace]
   */
  follow(runId, url, trace = new Trace(runId)) {
    this.runId = runId
    this.trace = trace
    this.#begin()
    this.#reader = new RunReader(runId, url, {
      chunk: (chunk, event) => this.#chunk(chunk, event),
      snapshot: state => this.#snapshot(state),
      connection: state => this.#connection(state),
      lost: error => this.#lost(error),
    })
    this.listener.changed(this)
    if (this.#stopping) this.stop()
  }

  /** Request the cancellation of the run; if it has not started yet, as soon as it has. */
  async stop() {
    this.#stopping = true
    if (!this.live || !this.runId) return
    this.answer.status('Stopping …')
    try {
      await api.cancelRun(this.runId)
    } catch {
      this.answer.status('The request to stop did not reach the server. Try again.')
    }
  }

  /** Cut the connection on purpose. */
  cut() {
    this.#reader?.cut()
  }

  /** Stop reading. The run continues. */
  leave() {
    clearTimeout(this.#timer)
    this.#reader?.close()
  }

  /** Wait for an answer. The answer of an earlier attempt is removed. */
  #begin() {
    if (this.live) return
    this.live = true
    this.answer.element.remove()
    this.answer = this.#newAnswer()
    this.#timer = setTimeout(() => this.answer.status('Waiting for the model …'), STATUS_DELAY)
    this.listener.changed(this)
  }

  /**
   * @param {Chunk} chunk
   * @param {MessageEvent<string>} event
   */
  #chunk(chunk, event) {
    this.trace?.event(event, chunk)
    this.listener.event()
    if (chunk.content || chunk.reasoning || chunk.tool) {
      clearTimeout(this.#timer)
      if (!this.text) this.answer.status('')
    }
    this.answer.add(chunk)
    if (chunk.content) this.listener.text(chunk.content)
    if (chunk.done) this.#end(chunk.finish_reason ?? '', chunk.error ?? null, chunk)
  }

  /**
   * Show the state of the run, because its events are not available or it has ended.
   * @param {RunState} state
   */
  #snapshot(state) {
    this.answer.show(state)
    this.trace?.mark(
      state.truncated ? 'the beginning is no longer kept' : 'read from the state of the run',
    )
    if (state.finish_reason) this.#end(state.finish_reason, state.error ?? null, state)
  }

  /** @param {ConnectionState} state */
  #connection(state) {
    this.trace?.setConnection(state)
    if (state === 'open') this.answer.status('')
    if (state === 'cut') {
      this.answer.status('The connection was cut. The answer continues after a reconnect.')
    }
    if (state === 'waiting') this.answer.status(reconnectStatus())
    this.listener.connection(state)
  }

  /**
   * The server no longer has the run; its conversation may still have the answer.
   * @param {api.ApiError} error
   */
  async #lost(error) {
    try {
      const id = this.body?.conversation_id ?? this.listener.conversationId ?? ''
      const { messages } = await api.getConversation(id)
      const stored = messages.findLast(
        message => message.run_id === this.runId && message.role === 'assistant',
      )
      if (stored) {
        this.answer.show(stored)
        return this.#end(stored.finish_reason ?? 'stop', null, stored)
      }
    } catch {
      // Then the page has only the text that arrived.
    }
    this.#end('unknown_run', error)
  }

  /**
   * @param {string} reason
   * @param {ErrorInfo | api.ApiError | null} error
   * @param {{model?: string, usage?: Usage}} [result]
   */
  #end(reason, error, { model, usage } = {}) {
    clearTimeout(this.#timer)
    this.#reader?.close()
    this.live = false
    this.usage = usage
    const { trace } = this
    this.answer.end(reason, error, [
      model,
      usage && `${usage.output_tokens} tokens`,
      // For a run that another page started, the duration is unknown.
      trace?.request && `${((performance.now() - trace.startedAt) / 1000).toFixed(1)} s`,
    ])
    this.listener.connection('none')
    this.listener.ended(this, reason, error)
  }
}

/** Why the page is not connected. */
function reconnectStatus() {
  if (key.wasDeclined()) return 'The server requires a key. The answer continues when you enter it.'
  if (navigator.onLine) {
    return 'The server cannot be reached; it may be restarting. Trying again …'
  }
  return 'You are offline. The answer continues when you are connected again.'
}
