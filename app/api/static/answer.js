// One answer in the page: its parts, how it ended, and its buttons.

import { copy, el, iconButton, setText } from './dom.js'
import { CALM, countDown, LABELS, noticeFor } from './notices.js'
import { Parts } from './parts.js'
import { joined, t } from './phrases.js'
import { stateParts, storedParts } from './snapshots.js'
import { speechButton } from './speech.js'
import { PartsView } from './views.js'

/** @import { Chunk, Ending, ErrorInfo, Message, RunSnapshot, StoredPart } from './wire.js' */
/** @import { ApiError } from './api.js' */
/** @import { Action, Notice } from './notices.js' */
/** @import { Pause } from './pause.js' */
/** @import { Words } from './phrases.js' */

/**
 * What the buttons do; `versions` are those of the turn, beside them.
 * @typedef {Record<Action, () => unknown> &
 *   {send: (text: string) => unknown, fork: () => unknown, versions: HTMLElement}} Actions
 */

const TRUNCATED = t('This answer had more in it than is kept.')
const FORK = t('Continue from here in a new conversation')
const RECOVERED = t('The server was lost, and another one goes on with this answer.')
const NOT_STORED = t('This turn could not be stored: after a reload it is gone.')

/** Draws an answer while it arrives. */
export class Answer {
  parts = new Parts()
  empty = true // nothing has come yet
  /** @type {[number, Partial<Chunk>][]} */
  #chunks = [] // all that came, by the numbers of their events
  #complete = true // all parts came in these chunks

  /** @param {Actions} actions what the buttons do */
  constructor(actions) {
    this.actions = actions
    this.view = new PartsView(() => this.#settle())
    this.recoveries = el('div', { class: 'recoveries', role: 'status' })
    this.requirements = el('div', { class: 'requirements' }) // a place for what a person decides
    this.ending = el('div', { class: 'ending' })
    this.statusText = el('span')
    this.waiting = el(
      'p',
      { class: 'waiting' },
      el('span', { class: 'dots' }, el('i'), el('i'), el('i')),
      this.statusText,
    )
    this.element = el(
      'article',
      { class: 'answer live', 'aria-label': t('Answer') },
      this.view.element,
      this.recoveries,
      this.waiting,
      this.requirements,
      this.ending,
    )
    this.element.setAttribute('aria-busy', 'true')
  }

  /** The text of the answer so far. */
  get text() {
    return this.parts.text
  }

  /**
   * Show what the answer waits for; an empty string removes it.
   * @param {Words} text
   */
  status(text) {
    setText(this.statusText, text)
    this.waiting.classList.toggle('filled', Boolean(text))
  }

  /**
   * Add a chunk.
   * @param {Partial<Chunk>} chunk
   * @param {number} [number] that of its event
   */
  add(chunk, number = 0) {
    this.#chunks.push([number, chunk])
    const changed = this.parts.addChunk(chunk)
    for (const part of changed) this.view.show(part)
    if (changed.length) this.#begun()
  }

  /**
   * Remove what came after an event, because the server was lost that had sent it.
   * @param {number} after the number of the last event that stands
   * @returns {boolean} whether that was possible: not if something came from elsewhere
   */
  takeBack(after) {
    if (!this.#complete) return false
    const chunks = this.#chunks.filter(([number]) => number <= after)
    this.clear()
    for (const [number, chunk] of chunks) this.add(chunk, number)
    this.view.replace(this.parts.list)
    this.recoveries.replaceChildren(el('p', { class: 'note' }, RECOVERED))
    return true
  }

  /** Remove all that came. */
  clear() {
    this.#replace([])
    this.#chunks = []
    this.#complete = true
  }

  /**
   * Show a stored answer.
   * @param {Message[]} messages
   */
  showStored(messages) {
    this.#replace(messages.flatMap(storedParts))
  }

  /**
   * Show the state of the run. Text that is only in this page is kept.
   * @param {RunSnapshot} state
   */
  showState(state) {
    const { text } = this
    if (!this.empty && text.startsWith(state.content) && text !== state.content) return
    if (state.parts?.length || this.empty || !state.content.startsWith(text)) {
      this.#replace(stateParts(state))
    } else {
      this.add({ content: state.content.slice(text.length) })
    }
  }

  /** @param {StoredPart[]} parts */
  #replace(parts) {
    this.#complete = false
    this.parts.replace(parts)
    this.view.replace(this.parts.list)
    if (parts.length) this.#begun()
  }

  #begun() {
    this.empty = false
    this.element.classList.add('begun')
  }

  /**
   * End the answer.
   * @param {string} reason the finish reason
   * @param {ErrorInfo | ApiError | null} [error]
   * @param {(Words | false | null | undefined)[]} [facts] the model, tokens, seconds
   * @param {Ending} [ending]
   */
  end(reason, error = null, facts = [], ending = {}) {
    const { output, followups = [], stored, truncated } = ending
    if (this.parts.end(output)) this.view.replace(this.parts.list)
    this.view.end()
    this.element.classList.remove('live')
    this.#settle()
    this.waiting.remove()
    const notice = noticeFor(reason, error)
    this.ending.replaceChildren()
    if (notice) this.ending.append(this.#notice(notice, CALM.has(error?.code ?? reason)))
    if (truncated) this.ending.append(el('p', { class: 'note' }, TRUNCATED))
    if (stored === false) this.ending.append(el('p', { class: 'note' }, NOT_STORED))
    const copyButton = iconButton('copy', t('Copy the answer'), () => copy(this.text, copyButton))
    copyButton.classList.add('copy-answer')
    this.ending.append(
      el(
        'div',
        { class: 'acts' },
        this.text ? copyButton : null,
        iconButton('again', t('Answer again'), () => this.actions.retry()),
        this.actions.versions,
        this.text ? iconButton('fork', FORK, () => this.actions.fork()) : null,
        this.text ? speechButton(() => this.element) : null,
        el('span', { class: 'facts' }, joined(facts, ' · ')),
      ),
    )
    if (followups.length) this.ending.append(this.#followups(followups))
  }

  /** @param {string[]} followups */
  #followups(followups) {
    const buttons = followups.map(text =>
      el('button', { type: 'button', class: 'quiet', click: () => this.actions.send(text) }, text),
    )
    const items = buttons.map(button => el('li', {}, button))
    return el('ul', { class: 'followups', 'aria-label': t('Suggested questions') }, ...items)
  }

  /**
   * Show what a person has to decide before the answer goes on, and not how it ended.
   * @param {Pause} pause
   */
  wait(pause) {
    this.ending.replaceChildren(this.actions.versions)
    this.requirements.replaceChildren(pause.element)
  }

  /** Another answer goes on from here, and has the buttons. */
  giveWay() {
    this.ending.replaceChildren()
    this.requirements.querySelector('form')?.remove()
  }

  /** All of an answer that has ended is drawn. */
  #settle() {
    if (this.element.classList.contains('live') || !this.view.complete) return
    this.element.removeAttribute('aria-busy')
  }

  /**
   * @param {Notice} notice
   * @param {boolean} calm
   */
  #notice({ title, advice, detail, actions, wait }, calm) {
    const buttons = actions.map(name =>
      el(
        'button',
        { type: 'button', class: 'quiet', click: () => this.actions[name]() },
        LABELS[name],
      ),
    )
    if (wait && buttons.length > 0) countDown(buttons[0], LABELS[actions[0]], Math.ceil(wait))
    return el(
      'div',
      {
        class: calm ? 'notice calm' : 'notice',
        role: 'group',
        'aria-label': t('How the answer ended'),
      },
      el('p', {}, el('strong', {}, title), ' ', advice),
      detail ? el('p', { class: 'detail' }, detail) : null,
      buttons.length > 0 && el('p', { class: 'buttons' }, ...buttons),
    )
  }
}
