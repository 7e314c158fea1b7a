// The list of conversations, the most recent first.

import * as api from './api.js'
import { $, el, icon } from './dom.js'
import { date, t } from './phrases.js'

/** @import { Listed, Menu } from './menu.js' */
/** @import { Words } from './phrases.js' */
/** @import { ConversationInfo, ConversationPage, LiveRun } from './wire.js' */

/**
 * What the list does: `open` a conversation, and report one that was `renamed` or `removed`, or why
 * none was.
 * @typedef {object} ListActions
 * @property {(id: string) => void} open
 * @property {(id: string, title: string) => void} renamed
 * @property {(id: string) => void} removed
 * @property {(message: Words) => void} failed
 */

/** @typedef {ConversationInfo & {unsaved?: boolean}} Row */

const PAGE = 50 // conversations
const MAX_ROWS = 200
const SEARCH_DELAY = 250 // milliseconds after the last key
const DAY = 86_400 // seconds
/** @type {Record<string, Words>} */
const AGES = {
  pinned: t('Pinned'),
  today: t('Today'),
  yesterday: t('Yesterday'),
  week: t('This week'),
}
/** @type {Intl.DateTimeFormatOptions} */
const MONTH = { year: 'numeric', month: 'long' }

/** The list of conversations. */
export class List {
  /** @type {ConversationPage} */
  #page = { conversations: [], total: 0 }
  /** @type {LiveRun[]} */
  #live = []
  #limit = PAGE
  /** @type {string | null} */
  #current = null
  #words = '' // of the search
  /** @type {Menu | null} */
  #menu = null
  #failures = 0 // to load the menu; a browser may remember one under the same address
  #requests = 0 // only the response to the latest one is shown

  /** @param {ListActions} actions */
  constructor(actions) {
    this.actions = actions
    this.element = $('list')
    const search = $('search')
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer
    search.addEventListener('input', () => {
      clearTimeout(timer)
      timer = setTimeout(() => this.#search(search.value.trim()), SEARCH_DELAY)
    })
  }

  /** @param {string} words */
  #search(words) {
    if (words === this.#words) return
    this.#words = words
    this.#limit = PAGE
    this.refresh()
  }

  /**
   * Open the menu of a conversation, whose module is loaded for the first one.
   * @param {MouseEvent} event a click on its button
   * @param {Listed} conversation
   */
  async #showMenu({ currentTarget: opener }, conversation) {
    const { renamed, removed, failed } = this.actions
    try {
      /** @type {typeof import('./menu.js')} */
      const { Menu } = await import(`./menu.js${this.#failures ? `?again=${this.#failures}` : ''}`)
      this.#menu ??= new Menu({
        renamed: (...renaming) => [renamed(...renaming), this.refresh()],
        pinned: () => this.refresh(),
        removed: removedId => [removed(removedId), this.refresh()],
        failed,
      })
    } catch {
      this.#failures++
      failed(t('The menu was not loaded. Is the server running?'))
      return
    }
    this.#menu.open(/** @type {HTMLElement} */ (opener), conversation)
  }

  /** Read the list from the server, and show it. */
  async refresh() {
    const request = ++this.#requests
    const limit = Math.min(this.#limit, MAX_ROWS)
    let responses
    try {
      responses = await Promise.all([api.listConversations(limit, this.#words), api.listRuns()])
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
    const [paused, active] = [true, false].map(
      waits =>
        new Set(
          this.#live
            .filter(run => (run.status === 'paused') === waits)
            .map(run => run.conversation_id),
        ),
    )
    const groups = Map.groupBy(this.#rows(), row =>
      row.pinned_at ? 'pinned' : ageOf(row.updated_at),
    )
    this.element.replaceChildren(
      ...[...groups].flatMap(([age, rows]) => [
        el('h2', {}, AGES[age] ?? date(rows[0].updated_at, MONTH)),
        el('ul', {}, ...rows.map(row => this.#row(row, active, paused))),
      ]),
    )
    if (this.#page.total > this.#page.conversations.length && this.#limit < MAX_ROWS) {
      this.element.append(
        el(
          'button',
          { type: 'button', class: 'quiet more', click: () => this.#showMore() },
          t('Show more'),
        ),
      )
    }
    if (!groups.size) {
      const none = this.#words
        ? t('No conversation has these words.')
        : t('No conversations yet. They are listed here.')
      this.element.append(el('p', { class: 'none', role: 'status' }, none))
    }
    if (focused) {
      const element = this.element.querySelector(`[data-key="${CSS.escape(focused)}"]`)
      if (element instanceof HTMLElement) element.focus()
    }
  }

  /**
   * The pinned conversations, those that have a live run and are not stored yet, and all others.
   * @returns {Row[]}
   */
  #rows() {
    const { pinned = [] } = this.#page
    const stored = this.#page.conversations.filter(row => !row.pinned_at)
    const storedIds = new Set([...pinned, ...stored].map(row => row.conversation_id))
    if (this.#words) return [...pinned, ...stored]
    const unsaved = this.#live
      .filter(run => run.status !== 'paused' && !storedIds.has(run.conversation_id))
      .map(run => ({
        conversation_id: run.conversation_id,
        title: run.question,
        updated_at: run.created_at,
        unsaved: true,
      }))
    return [...pinned, ...unsaved.reverse(), ...stored]
  }

  #showMore() {
    this.#limit += PAGE
    return this.refresh()
  }

  /**
   * @param {Row} row
   * @param {Set<string>} active conversations that are being answered
   * @param {Set<string>} paused conversations that wait for a person
   */
  #row({ conversation_id: id, title, unsaved, pinned_at: pinned }, active, paused) {
    const name = title || t('Untitled')
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
    if (active.has(id)) {
      link.append(el('i', { class: 'busy', role: 'img', 'aria-label': t('being answered') }))
    } else if (paused.has(id)) link.append(el('small', { class: 'waits' }, t('waits for you')))
    const more = el(
      'button',
      {
        type: 'button',
        class: 'icon',
        'data-key': `more ${id}`,
        'aria-haspopup': 'menu',
        'aria-expanded': 'false',
        'aria-label': t('Rename, pin, export or delete {name}', { name }),
        title: t('More'),
        click: (/** @type {MouseEvent} */ event) =>
          this.#showMenu(event, { id, name: String(name), pinned: Boolean(pinned) }),
      },
      icon('more'),
    )
    return el('li', {}, link, !unsaved && more)
  }
}

/** The key of the element in the list that has the focus. */
function focusedKey() {
  const element = document.activeElement?.closest('#list [data-key]')
  return element instanceof HTMLElement ? element.dataset.key : undefined
}

/**
 * How old a conversation is: a word, or its month.
 * @param {number} time Unix time in seconds
 */
function ageOf(time) {
  const today = new Date().setHours(0, 0, 0, 0) / 1000
  if (time >= today) return 'today'
  if (time >= today - DAY) return 'yesterday'
  if (time >= today - 6 * DAY) return 'week'
  const then = new Date(time * 1000)
  return `${then.getFullYear()}-${then.getMonth()}`
}
