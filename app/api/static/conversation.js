// The conversation that is open, and its live runs.
// See docs/decisions/040-a-page-asks-the-server-what-goes-on.md.

import { Announcer } from './announce.js'
import * as api from './api.js'
import { bodyFor, isHomeless, placeOf, showPlace } from './branches.js'
import { $ } from './dom.js'
import * as embedded from './embedded.js'
import { isLoaded, loadTurns, Turn, turnListener } from './late.js'
import * as memory from './memory.js'
import { t } from './phrases.js'
import { failure, welcome } from './placeholders.js'
import { allRuns, messagesBefore, readRuns, request } from './runs.js'
import { Turns } from './turns.js'

/** @import { Attachment } from './attachments.js' */
/** @import { OnBusy } from './composer.js' */
/** @import { ChatRequest } from './wire.js' */
/** @import { Known, Run } from './runs.js' */
/** @import { Page } from './page.js' */
/** @import { Direction } from './versions.js' */

/** @type {Known} what a server that cannot be reached is taken to have */
const NOTHING = { live: [], stored: null, standings: new Map() }

/** The conversation that is open. */
export class Conversation {
  /** @type {string | null} */
  id = null
  #visit = 0 // responses to requests of an earlier visit are ignored
  #announcer = new Announcer()

  /** @param {Page} page */
  constructor(page) {
    this.page = page
    this.turns = new Turns($('turns'))
    this.otherTabs = new BroadcastChannel('agno-stream')
    this.otherTabs.onmessage = ({ data }) => {
      if (data === this.id) this.sync()
      this.page.listChanged()
    }
  }

  /** The turns with a run that has not ended. */
  get live() {
    return this.turns.live
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
    const [id, visit] = [this.id, this.#visit]
    if (!id) return
    const known = await readRuns(id).catch(() => NOTHING)
    if (visit === this.#visit) this.#merge(id, known)
  }

  /**
   * Send a question; what draws turns must be loaded.
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
    const turn = this.turns.add(new Turn(question, this.#listener(), media))
    if (created) this.page.opened(this.id, question || media[0]?.name || '', true)
    this.page.scroll.start()
    const body = request(question, this.id, this.page.choice(), messages)
    await this.#start(turn, this.live.length ? { ...body, on_busy: onBusy } : body, attachments)
  }

  /**
   * Answer a turn again, in its place; send its request again, if that has started no run.
   * @param {Turn} [turn]
   */
  retry(turn = this.turns.last) {
    if (!turn || this.live.length) return
    if (turn.body && !turn.runId) this.#start(turn, turn.body)
    else this.#replace(turn, turn.question, false)
  }

  /**
   * Send another question in the place of a turn's.
   * @param {Turn} turn
   * @param {string} question
   */
  edit(turn, question) {
    if (!this.live.length) this.#replace(turn, question, true)
  }

  /**
   * Show the branch with another version of a turn.
   * @param {string} runId
   * @param {Direction} direction
   */
  async select(runId, direction) {
    const [id, visit] = [this.id, this.#visit]
    if (!id || this.live.length) return
    try {
      await api.selectBranch(id, runId)
      const known = await readRuns(id)
      if (visit !== this.#visit) return
      this.page.scroll.stop()
      this.#merge(id, known)
      this.turns.list.find(turn => turn.runId === runId)?.versions.focus(direction)
      this.otherTabs.postMessage(id)
    } catch (error) {
      const { message } = /** @type {api.ApiError} */ (error)
      const sentence = t('The other version cannot be shown: {message}', { message })
      if (visit === this.#visit) this.page.failed(sentence)
    }
  }

  /** Show the welcome again, if it is shown, because another agent is chosen. */
  refreshWelcome() {
    if (!this.id) this.#showWelcome()
  }

  /** Stop the live answer; one that waits for its end begins then. */
  stop() {
    this.live[0]?.stop()
  }

  /** Cut the connections of all live runs on purpose. */
  cut() {
    for (const turn of this.live) turn.cut()
  }

  #leave() {
    this.#visit++
    this.#announcer.stop()
    this.turns.clear()
  }

  /** @param {string} id */
  async #load(id) {
    const visit = this.#visit
    let known
    try {
      ;[known] = await Promise.all([readRuns(id), loadTurns()])
    } catch (error) {
      if (visit === this.#visit) this.#showError(/** @type {api.ApiError} */ (error))
      return
    }
    if (visit !== this.#visit) return
    this.#merge(id, known)
    if (!this.turns.list.length) {
      this.#showError(new api.ApiError('unknown_conversation', ''))
      return
    }
    this.page.opened(id, known.stored?.title || this.turns.list[0].question)
    this.page.scroll.start()
  }

  /**
   * Add the turns that the page does not show yet.
   * @param {string} id
   * @param {Known} known
   */
  #merge(id, known) {
    // The run of a turn without an id would be taken for one of another tab.
    if (!isLoaded || this.live.some(turn => !turn.runId)) return
    this.turns.merge(allRuns(id, known), run => this.#shown(run))
  }

  /** @param {Run} run */
  #shown({ runId, question, media, answers, url, standing }) {
    const turn = this.turns.add(new Turn(question, this.#listener(), media))
    if (answers) turn.showStored(runId, answers, standing)
    else turn.follow(runId, url ?? api.eventsUrl(runId))
    return turn
  }

  /**
   * Answer a question in the place of a turn; below it, if the server has not stored that turn.
   * @param {Turn} turn
   * @param {string} question
   * @param {boolean} edited
   */
  async #replace(turn, question, edited) {
    const place = placeOf(turn, edited)
    const before = messagesBefore(this.turns.list, turn)
    const { attachments } = turn
    if (!place || !this.id) {
      this.send(question, { messages: before, attachments })
      return
    }
    const body = request(question, this.id, this.page.choice(), null)
    const removed = this.turns.removeFrom(turn)
    const next = this.turns.add(new Turn(question, this.#listener(), turn.media))
    next.place = place
    this.page.scroll.start()
    await this.#start(next, bodyFor(body, place))
    if (!isHomeless(next)) return
    this.turns.removeFrom(next)
    for (const old of removed) this.turns.add(old)
    this.send(question, { messages: before, attachments })
  }

  /**
   * @param {Turn} turn
   * @param {ChatRequest} body
   * @param {Attachment[]} [attachments]
   */
  async #start(turn, body, attachments) {
    const runId = await turn.send(body, attachments)
    if (!runId) return
    showPlace(turn)
    const { list } = this.turns
    const before = list[list.indexOf(turn) - 1]?.runId ?? null
    memory.remember(body.conversation_id, runId, turn.question, before)
    this.otherTabs.postMessage(body.conversation_id)
    this.page.listChanged()
  }

  #listener() {
    const visit = this.#visit
    return turnListener(this, this.#announcer, () => visit === this.#visit)
  }

  #showWelcome() {
    this.turns.element.replaceChildren(welcome(this.page.welcome(), this.page.ask))
  }

  /** @param {api.ApiError} error */
  #showError(error) {
    // Another user of the tab may have had it.
    if (error.code === 'unknown_conversation' && embedded.remembered()) this.page.go(null)
    else this.turns.element.replaceChildren(failure(error, this.page))
  }
}
