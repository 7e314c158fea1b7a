// A question in the page, which can be edited in place, and what its answer waits for.

import { el, iconButton } from './dom.js'
import * as key from './key.js'
import { mediaElement } from './media.js'
import { t } from './phrases.js'

/** @import { MediaItem } from './wire.js' */

const MAX_ROWS = 12 // of the field in which a question is edited

/** A question with its files. */
export class Question {
  #button
  /** @type {HTMLElement | null} */
  #form = null

  /**
   * @param {string} text
   * @param {MediaItem[]} media
   * @param {(text: string) => unknown} send what becomes of an edited question
   */
  constructor(text, media, send) {
    this.text = text
    this.send = send
    this.#button = iconButton('pen', t('Edit the question'), () => this.edit())
    this.element = el(
      'div',
      { class: 'question' },
      el('h2', { class: 'unseen' }, t('Question')),
      media.length > 0 && el('div', { class: 'media' }, ...media.map(mediaElement)),
      el('div', { class: 'asked' }, text ? el('p', {}, text) : null, this.#button),
    )
    this.element.hidden = !text && !media.length // neither is known
  }

  /** Show a field with the question instead of it. */
  edit() {
    if (this.#form || this.element.hidden) return
    const field = el('textarea', {
      'aria-label': t('Edit the question'),
      rows: Math.min(this.text.split('\n').length + 1, MAX_ROWS),
    })
    field.value = this.text
    const submit = () => {
      const text = field.value.trim()
      if (!text) return
      this.#close()
      this.send(text)
    }
    field.addEventListener('keydown', event => this.#keydown(event, submit))
    const send = el('button', { type: 'button', class: 'primary', click: submit }, t('Send'))
    const cancel = el(
      'button',
      { type: 'button', class: 'quiet', click: this.#cancel },
      t('Cancel'),
    )
    this.#form = el('div', { class: 'edit' }, field, el('div', { class: 'buttons' }, cancel, send))
    this.element.classList.add('editing')
    this.element.append(this.#form)
    field.focus()
    field.setSelectionRange(field.value.length, field.value.length)
  }

  /**
   * @param {KeyboardEvent} event
   * @param {() => void} submit
   */
  #keydown(event, submit) {
    if (event.isComposing) return
    if (event.key === 'Escape') {
      event.preventDefault() // on the page it stops an answer
      this.#cancel()
    } else if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault()
      submit()
    }
  }

  #cancel = () => {
    this.#close()
    this.#button.focus()
  }

  #close() {
    this.#form?.remove()
    this.#form = null
    this.element.classList.remove('editing')
  }
}

/** Why the page is not connected. */
export function reconnectStatus() {
  if (key.wasDeclined()) {
    return t('The server requires a key. The answer continues when you enter it.')
  }
  if (navigator.onLine) {
    return t('The server cannot be reached; it may be restarting. Trying again …')
  }
  return t('You are offline. The answer continues when you are connected again.')
}
