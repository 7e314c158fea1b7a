// The conversation that is open, and its live runs.
// See docs/decisions/040-a-page-asks-the-server-what-goes-on.md.

import { Announcer } from './announce.js'
import * as api from './api.js'
import { $ } from './dom.js'
import * as key from './key.js'
import { turnListener } from './listener.js'
import * as memory from './memory.js'
import { failure, welcome } from './placeholders.js'
import { allRuns, messagesBefore, readRuns, request } from './runs.js'
import { Turn } from './turn.js'

/** @import { Attachment } from './attachments.js' */
/** @import { OnBusy } from './composer.js' */
/** @import { ChatRequest } from './wire.js' */
/** @import { Known } from './runs.js' */
/** @import { Page } from './page.js' */

/** @type {Known} what a server that cannot be reached is taken to have */
const NOTHING = { live: [], stored: null, standings: new Map() }

/** The conversation that is open. */
export class Conversation {
  /** @type {string | null} */
  id = null
  /** @type {Turn[]} */
  #turns = []
  #visit = 0 // responses to requests of an earlier visit are ignored
  #announcer = new Announcer()

  /** @param {Page} page */
  constructor(page) {
    this.page = page
    this.element = $('turns')
    this.otherTabs = new BroadcastChannel('agno-stream')
    this.otherTabs.onmessage = ({ data }) => {
      if (data === this.id) this.sync()
      this.page.listChanged()
    }
  }

  /** The turns with a run that has not ended. */
  get live() {
    return this.#turns.filter(turn => turn.live)
  }

  /** All questions. */
  get questions() {
    return this.#turns.map(turn => turn.question).filter(Boolean)
  }

  /** The last answer. */
  get lastAnswer() {
    return this.#turns.at(-1)?.answer
  }

  /**
   * Open a conversation, or a new one for null.
   * @param {string | null} id
   */
  async open(id) {
    this.#leave()
    this.id = id
    this.page.opened(id, '')
    this.page.changed()
    if (id) await this.#load(id)
    else this.#showWelcome()
  }

  /** Add the turns that another tab or another device has added. */
  async sync() {
    const { id } = this
    const visit = this.#visit
    if (!id) return
    const known = await readRuns(id).catch(() => NOTHING)
    if (visit === this.#visit) this.#merge(id, known)
  }

  /**
   * Send a question.
   * @param {string} question
   * @param {object} [more]
   * @param {ChatRequest['messages'] | null} [more.messages] those before it, if not the stored ones
   * @param {Attachment[]} [more.attachments]
   * @param {OnBusy} [more.onBusy] what happens to an answer that is running
   */
  async send(question, { messages = null, attachments = [], onBusy = 'queue' } = {}) {
    const created = !this.id
    this.id ??= api.newId()
    const media = attachments.map(({ item }) => item)
    const busy = this.live.length > 0
    const turn = this.#add(new Turn(question, this.#listener(), media))
    if (created) this.page.opened(this.id, question || media[0]?.name || '', true)
    this.page.scroll.start()
    const body = request(question, this.id, this.page.choice(), messages)
    await this.#start(turn, busy ? { ...body, on_busy: onBusy } : body, attachments)
  }

  /** Stop the live answer; one that waits for its end begins then. */
  stop() {
    this.live[0]?.stop()
  }

  /**
   * Send the question of a turn again.
   * @param {Turn} [turn]
   */
  retry(turn = this.#turns.at(-1)) {
    if (!turn || this.live.length) return
    if (turn.body && !turn.runId) this.#start(turn, turn.body)
    else {
      const messages = messagesBefore(this.#turns, turn)
      this.send(turn.question, { messages, attachments: turn.attachments })
    }
  }

  /** Show the welcome again, if it is shown, because another agent is chosen. */
  refreshWelcome() {
    if (!this.id) this.#showWelcome()
  }

  /** Cut the connections of all live runs on purpose. */
  cut() {
    for (const turn of this.live) turn.cut()
  }

  #leave() {
    this.#visit++
    for (const turn of this.#turns) turn.leave()
    this.#announcer.stop()
    this.#turns = []
    this.element.replaceChildren()
  }

  /** @param {string} id */
  async #load(id) {
    const visit = this.#visit
    let known
    try {
      known = await readRuns(id)
    } catch (error) {
      if (visit === this.#visit) this.#showError(/** @type {api.ApiError} */ (error))
      return
    }
    if (visit !== this.#visit) return
    this.#merge(id, known)
    if (!this.#turns.length) {
      this.#showError(new api.ApiError('unknown_conversation', ''))
      return
    }
    this.page.opened(id, known.stored?.title || this.#turns[0].question)
    this.page.scroll.start()
  }

  /**
   * Add the turns that the page does not show yet.
   * @param {string} id
   * @param {Known} known
   */
  #merge(id, known) {
    // The run of a turn without an id would be taken for one of another tab.
    if (this.live.some(turn => !turn.runId)) return
    const shown = new Map(this.#turns.map(turn => [turn.runId, turn]))
    for (const { runId, question, media, answers, url, standing } of allRuns(id, known)) {
      const before = shown.get(runId)
      if (before) {
        before.update(answers, standing)
        continue
      }
      const turn = this.#add(new Turn(question, this.#listener(), media))
      if (answers) turn.showStored(runId, answers, standing)
      else turn.follow(runId, url ?? api.eventsUrl(runId))
    }
  }

  /** @param {Turn} turn */
  #add(turn) {
    if (!this.#turns.length) this.element.replaceChildren()
    this.#turns.push(turn)
    this.element.append(turn.element)
    return turn
  }

  /**
   * @param {Turn} turn
   * @param {ChatRequest} body
   * @param {Attachment[]} [attachments]
   */
  async #start(turn, body, attachments) {
    const runId = await turn.send(body, attachments)
    if (!runId) return
    const before = this.#turns[this.#turns.indexOf(turn) - 1]?.runId ?? null
    memory.remember(body.conversation_id, runId, turn.question, before)
    this.otherTabs.postMessage(body.conversation_id)
    this.page.listChanged()
  }

  #listener() {
    const visit = this.#visit
    return turnListener(this, this.#announcer, () => visit === this.#visit)
  }

  #showWelcome() {
    this.element.replaceChildren(welcome(this.page.welcome(), idea => this.send(idea)))
  }

  /** @param {api.ApiError} error */
  #showError(error) {
    const retry = () => {
      key.allowDialog()
      return this.open(this.id)
    }
    this.element.replaceChildren(failure(error, { retry, new: () => this.page.new() }))
  }
}
