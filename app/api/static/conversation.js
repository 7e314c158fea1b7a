// The conversation that is open, and its live runs.
// See docs/decisions/040-a-page-asks-the-server-what-goes-on.md.

import { Announcer } from './announce.js'
import * as api from './api.js'
import { $ } from './dom.js'
import * as key from './key.js'
import * as memory from './memory.js'
import { noticeFor } from './notices.js'
import { failure, welcome } from './placeholders.js'
import { allRuns, messagesBefore, readRuns } from './runs.js'
import { Turn } from './turn.js'

/** @import { ChatRequest, LiveRun, StoredConversation } from './wire.js' */
/** @import { Page } from './page.js' */
/** @import { TurnListener } from './turn.js' */

/**
 * What a server that cannot be reached is taken to have: this browser's own questions are shown.
 * @type {[LiveRun[], null]}
 */
const NOTHING = [[], null]

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
    const [live, stored] = await readRuns(id).catch(() => NOTHING)
    if (visit === this.#visit) this.#merge(id, live, stored)
  }

  /**
   * Send a question.
   * @param {string} question
   * @param {{role: string, content: string}[] | null} [messages] the messages before it, if not
   * those that are stored
   */
  async send(question, messages = null) {
    const created = !this.id
    this.id ??= api.newId()
    const turn = this.#add(new Turn(question, this.#listener(this.#visit)))
    if (created) this.page.opened(this.id, question, true)
    const { agent, model } = this.page.choice()
    /** @type {ChatRequest} */
    const body = { message: question, conversation_id: this.id }
    if (agent) body.agent = agent
    if (model) body.model = model
    if (messages) body.messages = messages
    this.page.scroll.start()
    await this.#start(turn, body)
  }

  /** Stop all live answers. */
  stop() {
    for (const turn of this.live) turn.stop()
  }

  /**
   * Send the question of a turn again.
   * @param {Turn} [turn]
   */
  retry(turn = this.#turns.at(-1)) {
    if (!turn || this.live.length) return
    if (turn.body && !turn.runId) this.#start(turn, turn.body)
    else this.send(turn.question, messagesBefore(this.#turns, turn))
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
    let live, stored
    try {
      ;[live, stored] = await readRuns(id)
    } catch (error) {
      if (visit === this.#visit) this.#showError(/** @type {api.ApiError} */ (error))
      return
    }
    if (visit !== this.#visit) return
    this.#merge(id, live, stored)
    if (!this.#turns.length) {
      this.#showError(new api.ApiError('unknown_conversation', ''))
      return
    }
    this.page.opened(id, stored?.title || this.#turns[0].question)
    this.page.scroll.start()
  }

  /**
   * Add the turns that the page does not show yet.
   * @param {string} id
   * @param {LiveRun[]} live
   * @param {StoredConversation | null} stored
   */
  #merge(id, live, stored) {
    // The run of a turn without an id would be taken for one of another tab.
    if (this.live.some(turn => !turn.runId)) return
    const shown = new Set(this.#turns.map(turn => turn.runId))
    for (const { runId, question, answers, url } of allRuns(id, live, stored)) {
      if (shown.has(runId)) continue
      const turn = this.#add(new Turn(question, this.#listener(this.#visit)))
      if (answers) turn.showStored(runId, answers)
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
   */
  async #start(turn, body) {
    const runId = await turn.send(body)
    if (!runId) return
    const before = this.#turns[this.#turns.indexOf(turn) - 1]?.runId ?? null
    memory.remember(body.conversation_id, runId, turn.question, before)
    this.otherTabs.postMessage(body.conversation_id)
    this.page.listChanged()
  }

  /**
   * @param {number} visit
   * @returns {TurnListener}
   */
  #listener(visit) {
    const { page } = this
    const isOpen = () => visit === this.#visit
    return {
      conversationId: this.id,
      retry: turn => this.retry(turn),
      continue: () => this.live.length || this.send('continue'),
      new: () => page.new(),
      changed: turn => {
        if (!isOpen()) {
          turn.leave()
          return
        }
        page.changed()
        if (turn.trace) page.drawer.watch(turn.trace)
      },
      text: text => {
        if (isOpen()) this.#announcer.add(text)
      },
      event: () => page.drawer.changed(),
      connection: state => {
        if (isOpen()) page.drawer.connection(state)
      },
      ended: (turn, reason, error) => {
        if (!isOpen()) return
        page.drawer.usage(turn.usage)
        page.drawer.changed()
        this.#announcer.end(noticeFor(reason, error)?.title ?? '')
        page.changed()
        page.listChanged()
      },
    }
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
