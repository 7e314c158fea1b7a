// Announces an answer to screen readers sentence by sentence, because single tokens would overlap.

import { $, el } from './dom.js'

const INTERVAL = 1000 // milliseconds between two announcements
const MAX_ANNOUNCEMENTS = 20 // kept in the page
const MAX_CHARACTERS = 2000 // of one announcement
const SENTENCE_END = /[.!?…][\])"'”’*_]*\s|[。！？]|\n/g

/** Collects the text of an answer and announces its complete sentences. */
export class Announcer {
  #rest = '' // an incomplete sentence
  #ready = '' // complete sentences, not yet announced
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /**
   * Add text of the answer.
   * @param {string} text
   */
  add(text) {
    this.#rest += text
    this.#timer ??= setTimeout(() => this.#split(), INTERVAL)
  }

  /**
   * Announce the remaining text because the answer has ended.
   * @param {string} remark how it ended
   */
  end(remark) {
    this.#ready = `${this.#rest} ${remark}`
    this.#rest = ''
    this.#announce()
  }

  /** Drop all text that is not announced yet. */
  stop() {
    clearTimeout(this.#timer)
    this.#rest = this.#ready = ''
  }

  #split() {
    this.#timer = undefined
    let end = 0
    for (const match of this.#rest.matchAll(SENTENCE_END)) end = match.index + match[0].length
    this.#ready = this.#rest.slice(0, end)
    this.#rest = this.#rest.slice(end)
    // No sentence is so long.
    if (this.#rest.length > MAX_CHARACTERS) this.#rest = this.#rest.slice(-MAX_CHARACTERS)
    this.#announce()
  }

  #announce() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const text = plainText(this.#ready.slice(0, 2 * MAX_CHARACTERS))
    this.#ready = ''
    if (!text) return
    const log = $('announcer')
    log.append(el('p', {}, text))
    while (log.childElementCount > MAX_ANNOUNCEMENTS) log.firstElementChild?.remove()
  }
}

/**
 * Remove the marks of Markdown, and limit the length.
 * @param {string} markdown
 */
function plainText(markdown) {
  const plain = markdown
    .replace(/^\s*(```|~~~).*$/gm, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^\s*(#{1,6}|[-*+>]|\|[-| :]+\|)\s*/gm, '')
    .replace(/[*_`|]+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return plain.length > MAX_CHARACTERS ? `${plain.slice(0, MAX_CHARACTERS)} …` : plain
}
