// One question and its answer: starts the run, follows it, and cancels it.

import { Answers } from './answers.js'
import * as api from './api.js'
import { el } from './dom.js'
import { Following } from './following.js'
import { t } from './phrases.js'
import { Question } from './question.js'
import { Trace } from './trace.js'
import { Versions } from './versions.js'

/** @import { Attachment } from './attachments.js' */
/** @import { Requirement } from './requirements.js' */
/** @import { ChatRequest, Ending, ErrorInfo, MediaItem, Message, RunStarted } from './wire.js' */
/** @import { Standing } from './waiting.js' */
/** @import { Place } from './branches.js' */
/** @import { TurnListener } from './page.js' */

const STATUS_DELAY = 2500 // milliseconds without a chunk before the page shows what it waits for

/** A question and its answer. */
export class Turn {
  /** @type {string | null} */
  runId = null // of the run that is stored
  /** @type {string | null} */
  #followed = null // the run that is followed, or waits: the same, or one that continues it
  live = false
  /** @type {Trace | null} */
  trace = null
  /** @type {ChatRequest | null} */
  body = null // of the request that this page sent
  /** @type {Ending} */
  ending = {}
  /** @type {Attachment[]} */
  attachments = [] // of the request that this page sent
  /** @type {Place | null} */
  place = null // of the turn in whose place this one stands, if this page sent the request
  /** @type {api.ApiError | null} */
  refusal = null // of the last request
  /** @type {Following | null} */
  #following = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #stopping = false
  #idempotencyKey = api.newId()

  /**
   * @param {string} question
   * @param {TurnListener} listener
   * @param {MediaItem[]} [media] of the question
   */
  constructor(question, listener, media = []) {
    this.question = question
    this.media = media
    this.listener = listener
    this.asked = new Question(question, media, text => listener.edit(this, text))
    this.versions = new Versions((runId, direction) => listener.select(runId, direction))
    this.element = el('section', { class: 'turn' }, this.asked.element)
    this.answers = new Answers(this.element, {
      versions: this.versions.element,
      retry: () => listener.retry(this),
      fork: () => listener.fork(this),
      continue: () => listener.continue(),
      new: () => listener.new(),
      send: text => listener.send(text),
    })
  }

  get answer() {
    return this.answers.current
  }

  /** The text of the answer so far. */
  get text() {
    return this.answers.text
  }

  /**
   * Show an answer that has ended.
   * @param {string} runId
   * @param {Message[]} answers
   * @param {Standing} [standing] if it was paused
   */
  showStored(runId, answers, standing) {
    this.runId = this.#followed = runId
    this.answers.showStored(answers)
    if (standing) this.stand(standing)
  }

  /**
   * Show how a paused turn stands: the card, or the run that continues it.
   * @param {Standing} standing
   */
  stand({ runId, requirements, url, missing }) {
    if (url && runId !== this.#followed) this.#goOn(runId, url)
    else if (requirements?.length && !this.live) this.#wait(runId, requirements, missing)
  }

  /**
   * Show what has become of a turn that waits, as it was decided elsewhere.
   * @param {Message[]} [answers] as they are stored now
   * @param {Standing} [standing]
   */
  update(answers, standing) {
    if (!this.answers.waitsFor || !this.runId) return
    if (standing) this.stand(standing)
    else if (answers && answers.at(-1)?.finish_reason !== 'paused') {
      this.answers.settle()
      this.showStored(this.runId, answers)
    }
  }

  /**
   * @param {string} runId
   * @param {Requirement[]} requirements
   * @param {string} [missing] the agent, if the server does not have it any more
   */
  #wait(runId, requirements, missing) {
    const continued = (/** @type {RunStarted} */ { run_id: id, stream_url: url }) => {
      this.#goOn(id, url, new Trace(id, null, performance.now()))
      this.listener.decided(this)
    }
    const reload = () => this.listener.reload()
    this.answers.wait(runId, requirements, { continued, reload }, missing)
  }

  /**
   * Follow the run that continues this one, below what was answered before.
   * @param {string} runId
   * @param {string} url
   * @param {Trace} [trace]
   */
  #goOn(runId, url, trace = new Trace(runId)) {
    if (this.live) return
    this.answers.goOn()
    this.#follow(runId, url, trace)
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
    this.refusal = null
    this.#begin()
    const startedAt = performance.now()
    try {
      const request = { ...body, background: true }
      const run = await api.startRun(request, this.#idempotencyKey, attachments, this.place)
      this.follow(run.run_id, run.stream_url, new Trace(run.run_id, body, startedAt))
    } catch (error) {
      this.refusal = /** @type {api.ApiError} */ (error)
      this.end('error', this.refusal)
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
    this.#following = new Following(this, runId, url, trace)
    this.listener.changed(this)
    if (this.#stopping) this.stop()
  }

  /** Request the cancellation of the run; if it has not started yet, as soon as it has. */
  async stop() {
    this.#stopping = true
    if (!this.live || !this.#followed) return
    this.answer.status(t('Stopping …'))
    try {
      await api.cancelRun(this.#followed)
    } catch {
      this.answer.status(t('The request to stop did not reach the server. Try again.'))
    }
  }

  /** Cut the connection on purpose. */
  cut() {
    this.#following?.cut()
  }

  /** Stop reading. The run continues. */
  leave() {
    clearTimeout(this.#timer)
    this.#following?.close()
  }

  /** Wait for an answer. The answer of an earlier attempt is removed. */
  #begin() {
    if (this.live) return
    this.live = true
    this.answers.renew()
    this.#timer = setTimeout(() => this.showWait(), STATUS_DELAY)
    this.listener.changed(this)
  }

  /** Show what the answer waits for before its first part. */
  showWait() {
    const isNext = this.listener.isNext(this)
    const wait = isNext ? t('Waiting for the model …') : t('Waiting for the answer before it …')
    if (this.answer.empty) this.answer.status(wait)
  }

  /** Remove what the answer waits for, because its first part has arrived. */
  begun() {
    clearTimeout(this.#timer)
    this.answer.status('')
  }

  /**
   * Show the end of the run that is followed.
   * @param {string} reason
   * @param {ErrorInfo | api.ApiError | null} error
   * @param {Ending} [ending]
   */
  end(reason, error, ending = {}) {
    clearTimeout(this.#timer)
    this.#following?.close()
    this.live = false
    this.ending = ending
    this.answers.end(reason, error, ending, this.trace?.seconds)
    const { requirements } = ending
    if (this.#followed && requirements?.length) this.#wait(this.#followed, requirements)
    this.listener.connection('none', this)
    this.listener.ended(this, reason, error)
  }
}
