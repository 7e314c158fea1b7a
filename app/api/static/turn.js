// One question and its answer: starts the run, follows it, and cancels it.

import { Answer } from './answer.js'
import * as api from './api.js'
import { el } from './dom.js'
import { Pause } from './pause.js'
import { questionElement, reconnectStatus } from './question.js'
import { eventNumber, RunReader } from './stream.js'
import { Trace } from './trace.js'

/** @import { Attachment } from './attachments.js' */
/**
 * @import { ChatRequest, Chunk, Ending, ErrorInfo, MediaItem, Message, Requirement, RunState }
 *   from './wire.js'
 */
/** @import { Standing } from './waiting.js' */
/** @import { ConnectionState } from './stream.js' */
/** @import { TurnListener } from './page.js' */

const STATUS_DELAY = 2500 // milliseconds without a chunk before the page shows what it waits for

/** A question and its answer. */
export class Turn {
  /** @type {string | null} */
  runId = null // of the run that is stored
  /** @type {string | null} */
  #followed = null // the run that is followed, or waits: the same, or one that continues it
  /** @type {Answer[]} */
  #before = [] // what was answered before a person decided
  live = false
  /** @type {Trace | null} */
  trace = null
  /** @type {ChatRequest | null} */
  body = null // of the request that this page sent
  /** @type {Ending} */
  ending = {}
  /** @type {Attachment[]} */
  attachments = [] // of the request that this page sent
  /** @type {RunReader | null} */
  #reader = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #stopping = false
  /** @type {string | null} */
  waitsFor = null // the paused run that a card is shown for
  #idempotencyKey = api.newId()

  /**
   * @param {string} question
   * @param {TurnListener} listener
   * @param {MediaItem[]} [media] of the question
   */
  constructor(question, listener, media = []) {
    this.question = question
    this.listener = listener
    this.element = el('section', { class: 'turn' }, questionElement(question, media))
    this.answer = this.#newAnswer()
  }

  #newAnswer() {
    const { listener } = this
    const answer = new Answer({
      retry: () => listener.retry(this),
      continue: () => listener.continue(),
      new: () => listener.new(),
      send: text => listener.send(text),
    })
    this.element.append(answer.element)
    return answer
  }

  /** The text of the answer so far. */
  get text() {
    return [...this.#before, this.answer].map(({ text }) => text).join('')
  }

  /**
   * Show an answer that has ended.
   * @param {string} runId
   * @param {Message[]} answers
   * @param {Standing} [standing] if it was paused
   */
  showStored(runId, answers, standing) {
    const last = answers.at(-1)
    this.runId = this.#followed = runId
    this.answer.showStored(answers)
    this.answer.end(last?.finish_reason ?? 'stop', last?.error, factsOf(last), last)
    if (standing) this.stand(standing)
  }

  /**
   * Show how a paused turn stands: the card, or the run that continues it.
   * @param {Standing} standing
   */
  stand({ runId, requirements, url }) {
    if (url && runId !== this.#followed) this.#goOn(runId, url)
    else if (requirements?.length && !this.live) this.#wait(runId, requirements)
  }

  /**
   * Show what has become of a turn that waits, as it was decided elsewhere.
   * @param {Message[]} [answers] as they are stored now
   * @param {Standing} [standing]
   */
  update(answers, standing) {
    if (!this.waitsFor || !this.runId) return
    if (standing) this.stand(standing)
    else if (answers && answers.at(-1)?.finish_reason !== 'paused') {
      this.waitsFor = null
      this.answer.giveWay()
      this.showStored(this.runId, answers)
    }
  }

  /**
   * @param {string} runId
   * @param {Requirement[]} requirements
   */
  #wait(runId, requirements) {
    if (this.waitsFor === runId) return
    this.waitsFor = runId
    const pause = new Pause(runId, requirements, {
      continued: run => {
        this.#goOn(run.run_id, run.stream_url)
        this.listener.decided(this)
      },
      reload: () => this.listener.reload(),
    })
    this.answer.wait(pause)
  }

  /**
   * Follow the run that continues this one, below what was answered before.
   * @param {string} runId
   * @param {string} url
   */
  #goOn(runId, url) {
    if (this.live) return
    this.waitsFor = null
    this.#before.push(this.answer)
    this.answer.giveWay()
    this.answer = this.#newAnswer()
    this.#follow(runId, url, new Trace(runId))
  }

  /**
   * Start the run, and follow it. If an earlier attempt reached the server, its run is followed.
   * @param {ChatRequest} body
   * @param {Attachment[]} [attachments]
   * @returns {Promise<string | null>} the id of the run; null if it did not start
   */
  async send(body, attachments = this.attachments) {
    this.body = body
    this.attachments = attachments
    this.#begin()
    const startedAt = performance.now()
    try {
      const request = { ...body, background: true }
      const run = await api.startRun(request, this.#idempotencyKey, attachments)
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
    this.#follow(runId, url, trace)
  }

  /**
   * @param {string} runId
   * @param {string} url
   * @param {Trace} trace
   */
  #follow(runId, url, trace) {
    this.#followed = runId
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
    if (!this.live || !this.#followed) return
    this.answer.status('Stopping …')
    try {
      await api.cancelRun(this.#followed)
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
    this.#timer = setTimeout(() => this.showWait(), STATUS_DELAY)
    this.listener.changed(this)
  }

  /** Show what the answer waits for before its first part. */
  showWait() {
    const before = this.listener.isNext(this) ? 'the model' : 'the answer before it'
    if (this.answer.empty) this.answer.status(`Waiting for ${before} …`)
  }

  /**
   * @param {Chunk} chunk
   * @param {MessageEvent<string>} event
   */
  #chunk(chunk, event) {
    this.trace?.event(event, chunk)
    this.listener.event()
    if (chunk.recovered && !this.answer.takeBack(chunk.recovered.after)) {
      this.answer.clear()
      this.#reader?.restart()
      return
    }
    const { empty } = this.answer
    this.answer.add(chunk, eventNumber(event.lastEventId))
    if (empty && !this.answer.empty) {
      clearTimeout(this.#timer)
      this.answer.status('')
    }
    if (chunk.content) this.listener.text(chunk.content)
    if (chunk.done) this.#end(chunk.finish_reason ?? '', chunk.error ?? null, chunk)
  }

  /**
   * Show the state of the run, because its events are not available or it has ended.
   * @param {RunState} state
   */
  #snapshot(state) {
    this.answer.showState(state)
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
    this.listener.connection(state, this)
  }

  /**
   * The server no longer has the run; its conversation may still have the answer.
   * @param {api.ApiError} error
   */
  async #lost(error) {
    try {
      const id = this.body?.conversation_id ?? this.listener.conversationId ?? ''
      const { messages } = await api.getConversation(id)
      const stored = messages.filter(
        message => message.run_id === this.runId && message.role === 'assistant',
      )
      const last = stored.at(-1)
      if (last) {
        this.answer.showStored(stored)
        return this.#end(last.finish_reason ?? 'stop', last.error ?? null, last)
      }
    } catch {
      // Then the page has only the text that arrived.
    }
    this.#end('unknown_run', error)
  }

  /**
   * @param {string} reason
   * @param {ErrorInfo | api.ApiError | null} error
   * @param {Ending} [ending]
   */
  #end(reason, error, ending = {}) {
    clearTimeout(this.#timer)
    this.#reader?.close()
    this.live = false
    this.ending = ending
    this.answer.end(reason, error, [...factsOf(ending), this.trace?.duration], ending)
    const { requirements } = ending
    if (this.#followed && requirements?.length) this.#wait(this.#followed, requirements)
    this.listener.connection('none', this)
    this.listener.ended(this, reason, error)
  }
}

/**
 * The model that answered, and its tokens.
 * @param {Ending} [ending]
 */
function factsOf({ model, usage } = {}) {
  return [model, usage && `${usage.output_tokens} tokens`]
}
