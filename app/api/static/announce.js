// Reads an answer to screen readers sentence by sentence; single tokens would talk over each other.

import { $, el } from './dom.js'

const PAUSE = 1000 // milliseconds between two announcements
const KEPT = 20
const LIMIT = 2000 // characters of one announcement
const END = /[.!?…][\])"'”’*_]*\s|[。！？]|\n/g

export class Announcer {
  #rest = ''
  #ready = ''
  #timer = null

  add(text) {
    this.#rest += text
    this.#timer ??= setTimeout(() => this.#cut(), PAUSE)
  }

  /** The answer has ended; `remark` says how. */
  end(remark) {
    this.#ready = `${this.#rest} ${remark}`
    this.#rest = ''
    this.#say()
  }

  stop() {
    clearTimeout(this.#timer)
    this.#rest = this.#ready = ''
  }

  #cut() {
    this.#timer = null
    let end = 0
    for (const match of this.#rest.matchAll(END)) end = match.index + match[0].length
    this.#ready = this.#rest.slice(0, end)
    this.#rest = this.#rest.slice(end)
    if (this.#rest.length > LIMIT) this.#rest = this.#rest.slice(-LIMIT) // no sentence is so long
    this.#say()
  }

  #say() {
    clearTimeout(this.#timer)
    this.#timer = null
    const text = spoken(this.#ready.slice(0, 2 * LIMIT))
    this.#ready = ''
    if (!text) return
    const log = $('announcer')
    log.append(el('p', {}, text))
    while (log.childElementCount > KEPT) log.firstElementChild.remove()
  }
}

/** Without the marks of Markdown, and not without end. */
function spoken(text) {
  const plain = text
    .replace(/^\s*(```|~~~).*$/gm, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^\s*(#{1,6}|[-*+>]|\|[-| :]+\|)\s*/gm, '')
    .replace(/[*_`|]+/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return plain.length > LIMIT ? `${plain.slice(0, LIMIT)} …` : plain
}
