// The list of conversations, the most recent first.

import * as api from './api.js'
import { $, el, icon } from './dom.js'

/** @import { ConversationInfo, ConversationPage, LiveRun } from './wire.js' */

/**
 * What the list does: `open` a conversation, and report one that was `removed`, or why none was.
 * @typedef {object} ListActions
 * @property {(id: string) => void} open
 * @property {(id: string) => void} removed
 * @property {(message: string) => void} failed
 */

/** @typedef {ConversationInfo & {unsaved?: boolean}} Row */

const PAGE = 50 // conversations
const MAX_ROWS = 200
const DAY = 86_400 // seconds

/** The list of conversations. */
export class List {
  /** @type {ConversationPage} */
  #page = { conversations: [], total: 0 }
  /** @type {LiveRun[]} */
  #live = []
  #limit = PAGE
  /** @type {string | null} */
  #current = null
  #requests = 0 // only the response to the latest one is shown

  /** @param {ListActions} actions */
  constructor(actions) {
    this.actions = actions
    this.element = $('list')
    this.dialog = $('confirm')
  }

  /** Read the list from the server, and show it. */
  async refresh() {
    const request = ++this.#requests
    const limit = Math.min(this.#limit, MAX_ROWS)
    let responses
    try {
      responses = await Promise.all([api.listConversations(limit, 0), api.listRuns()])
    } catch {
      return // the list stays as it was; the user's next action shows the error
    }
    if (request !== this.#requests) return
    ;[this.#page, this.#live] = responses
    this.#draw()
  }

  /**
   * Mark the conversation that is open.
   * @param {string | null} id
   */
  setCurrent(id) {
    this.#current = id
    this.#draw()
  }

  #draw() {
    const focused = focusedKey()
    const busy = new Set(this.#live.map(run => run.conversation_id))
    const groups = Map.groupBy(this.#rows(), row => age(row.updated_at))
    this.element.replaceChildren(
      ...[...groups].flatMap(([name, rows]) => [
        el('h2', {}, name),
        el('ul', {}, ...rows.map(row => this.#row(row, busy.has(row.conversation_id)))),
      ]),
    )
    if (this.#page.total > this.#page.conversations.length && this.#limit < MAX_ROWS) {
      this.element.append(
        el(
          'button',
          { type: 'button', class: 'quiet more', click: () => this.#showMore() },
          'Show more',
        ),
      )
    }
    if (!groups.size) {
      this.element.append(el('p', { class: 'none' }, 'No conversations yet. They are listed here.'))
    }
    if (focused) {
      const element = this.element.querySelector(`[data-key="${CSS.escape(focused)}"]`)
      if (element instanceof HTMLElement) element.focus()
    }
  }

  /**
   * The stored conversations, after those that have a live run and are not stored yet.
   * @returns {Row[]}
   */
  #rows() {
    const stored = this.#page.conversations
    const storedIds = new Set(stored.map(row => row.conversation_id))
    const unsaved = this.#live
      .filter(run => !storedIds.has(run.conversation_id))
      .map(run => ({
        conversation_id: run.conversation_id,
        title: run.question,
        updated_at: run.created_at,
        unsaved: true,
      }))
    return [...unsaved.reverse(), ...stored]
  }

  #showMore() {
    this.#limit += PAGE
    return this.refresh()
  }

  /**
   * @param {Row} row
   * @param {boolean} busy
   */
  #row({ conversation_id: id, title, unsaved }, busy) {
    const name = title || 'Untitled'
    const open = (/** @type {MouseEvent} */ event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return
      event.preventDefault()
      this.actions.open(id)
    }
    const link = el(
      'a',
      { href: `?c=${encodeURIComponent(id)}`, 'data-key': `open ${id}`, click: open },
      el('span', {}, name),
    )
    if (id === this.#current) link.setAttribute('aria-current', 'page')
    if (busy) link.append(el('i', { class: 'busy', role: 'img', 'aria-label': 'being answered' }))
    const bin = el(
      'button',
      {
        type: 'button',
        class: 'icon',
        'data-key': `bin ${id}`,
        'aria-label': `Delete ${name}`,
        title: 'Delete',
        click: () => this.#confirmRemove(id, name),
      },
      icon('bin'),
    )
    return el('li', {}, link, !unsaved && bin)
  }

  /**
   * @param {string} id
   * @param {string} name
   */
  #confirmRemove(id, name) {
    $('confirm-name').textContent = name
    this.dialog.returnValue = ''
    this.dialog.showModal()
    this.dialog.onclose = () => this.dialog.returnValue === 'yes' && this.#remove(id)
  }

  /** @param {string} id */
  async #remove(id) {
    try {
      for (const run of await api.listRuns(id)) await api.cancelRun(run.run_id)
      await api.deleteConversation(id)
    } catch (error) {
      if (/** @type {api.ApiError} */ (error).status !== 404) {
        this.actions.failed('The conversation was not deleted. Is the server running?')
        return
      }
    }
    this.actions.removed(id)
    await this.refresh()
  }
}

/** The key of the element in the list that has the focus. */
function focusedKey() {
  const element = document.activeElement?.closest('#list [data-key]')
  return element instanceof HTMLElement ? element.dataset.key : undefined
}

/**
 * The heading for a time.
 * @param {number} time Unix time in seconds
 */
function age(time) {
  const today = new Date().setHours(0, 0, 0, 0) / 1000
  if (time >= today) return 'Today'
  if (time >= today - DAY) return 'Yesterday'
  return time >= today - 6 * DAY ? 'This week' : 'Earlier'
}
