// The menu of a conversation in the list: rename, pin, export, delete.

import * as api from './api.js'
import { $, el, icon, setText } from './dom.js'
import { joined, t } from './phrases.js'

/** @import { Words } from './phrases.js' */

/**
 * What the menu reports: a conversation was `renamed`, `pinned` or no longer, or `removed`, or it
 * `failed`.
 * @typedef {object} MenuActions
 * @property {(id: string, title: string) => void} renamed
 * @property {() => void} pinned
 * @property {(id: string) => void} removed
 * @property {(message: Words) => void} failed
 */

const NOT_UNPINNED = t('The conversation was not unpinned.')

/** @typedef {{id: string, name: string, pinned: boolean}} Listed a conversation in the list */

/** The menu, which is the same element for all conversations. */
export class Menu {
  #id = ''
  #name = ''
  #pinned = false
  #pin = el('span') // the label of its item
  /** @type {HTMLElement | null} */
  #opener = null

  /** @param {MenuActions} actions */
  constructor(actions) {
    this.actions = actions
    this.element = el(
      'div',
      { class: 'menu', popover: 'auto', role: 'menu', 'aria-label': t('Conversation') },
      item('pen', t('Rename'), () => this.#rename()),
      item('pin', this.#pin, () => this.#togglePin()),
      item('down', t('Export as Markdown'), () => this.#export('md')),
      item('down', t('Export as JSON'), () => this.#export('json')),
      item('bin', t('Delete'), () => this.#confirmRemove()),
    )
    this.element.addEventListener('click', () => this.element.hidePopover())
    this.element.addEventListener('keydown', event => this.#keydown(event))
    this.element.addEventListener('toggle', event => {
      const open = 'newState' in event && event.newState === 'open'
      this.#opener?.setAttribute('aria-expanded', String(open))
      if (open) this.#items[0].focus()
    })
    $('side').append(this.element)
  }

  /**
   * Open the menu below a button.
   * @param {HTMLElement} opener
   * @param {Listed} conversation
   */
  open(opener, { id, name, pinned }) {
    this.#opener = opener
    this.#id = id
    this.#name = name
    this.#pinned = pinned
    setText(this.#pin, pinned ? t('Unpin') : t('Pin'))
    this.element.showPopover()
    const { left, bottom, top } = opener.getBoundingClientRect()
    const { offsetWidth: width, offsetHeight: height } = this.element
    const below = bottom + height < innerHeight
    this.element.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`
    this.element.style.top = `${below ? bottom : top - height}px`
  }

  get #items() {
    return [...this.element.querySelectorAll('button')]
  }

  /** @param {KeyboardEvent} event */
  #keydown(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (event.key === 'Escape') event.stopPropagation() // the answer goes on
    if (!step) return
    event.preventDefault()
    const items = this.#items
    const focused = items.findIndex(button => button.matches(':focus'))
    items[(focused + step + items.length) % items.length].focus()
  }

  #rename() {
    const id = this.#id
    const dialog = $('rename')
    $('rename-title').value = this.#name
    dialog.returnValue = ''
    dialog.showModal()
    $('rename-title').select()
    dialog.onclose = async () => {
      const title = $('rename-title').value.trim()
      if (dialog.returnValue !== 'yes' || !title) return
      try {
        await api.renameConversation(id, title)
        this.actions.renamed(id, title)
      } catch (error) {
        this.#failed(t('The conversation was not renamed.'), error)
      }
    }
  }

  async #togglePin() {
    const [id, pinned] = [this.#id, !this.#pinned]
    try {
      await api.pinConversation(id, pinned)
      this.actions.pinned()
    } catch (error) {
      const not = pinned ? t('The conversation was not pinned.') : NOT_UNPINNED
      this.#failed(not, error)
    }
  }

  /** @param {'md' | 'json'} format */
  async #export(format) {
    const name = this.#name
    try {
      const url = URL.createObjectURL(await api.exportConversation(this.#id, format))
      const file = name.replace(/[^\p{L}\p{N} _-]+/gu, '').slice(0, 60) || 'conversation'
      el('a', { href: url, download: `${file}.${format}` }).click()
      setTimeout(() => URL.revokeObjectURL(url), 60_000)
    } catch (error) {
      this.#failed(t('The conversation was not exported.'), error)
    }
  }

  #confirmRemove() {
    const id = this.#id
    const dialog = $('confirm')
    $('confirm-name').textContent = this.#name
    dialog.returnValue = ''
    dialog.showModal()
    dialog.onclose = () => dialog.returnValue === 'yes' && this.#remove(id)
  }

  /** @param {string} id */
  async #remove(id) {
    try {
      for (const run of await api.listRuns(id)) await api.cancelRun(run.run_id)
      await api.deleteConversation(id)
    } catch (error) {
      if (/** @type {api.ApiError} */ (error).status !== 404) {
        this.#failed(t('The conversation was not deleted.'), error)
        return
      }
    }
    this.actions.removed(id)
  }

  /**
   * @param {Words} sentence
   * @param {unknown} error
   */
  #failed(sentence, error) {
    const { status, message } = /** @type {api.ApiError} */ (error)
    this.actions.failed(joined([sentence, status ? message : t('Is the server running?')], ' '))
  }
}

/**
 * @param {string} mark
 * @param {Words | HTMLElement} label
 * @param {() => unknown} click
 */
function item(mark, label, click) {
  return el('button', { type: 'button', role: 'menuitem', click }, icon(mark), label)
}
