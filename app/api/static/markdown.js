// Markdown while it arrives: complete blocks are drawn once, and only the last one is drawn again.
// See docs/decisions/044-only-the-last-block-is-drawn-again.md.

import { LONG, PARTS } from './blocks.js'
import { el } from './dom.js'
import { enrich } from './enrich.js'
import { lex, render } from './render.js'

/** @import { Token, TokensList } from 'marked' */

const LEAF = 5000 // characters of a part of the page that has a layout of its own

/** Draws Markdown into an element while it arrives. */
export class StreamedMarkdown {
  #tail = '' // source that may still change
  /** @type {ChildNode[]} */
  #open = [] // its nodes
  /** @type {{type: string, host: Element} | null} */
  #part = null // a long block of which only the end may still change
  /** @type {TokensList['links']} */
  #links = Object.create(null) // definitions of references, which may be used much later
  #size = 0 // characters of source in the leaf
  #number = 0 // of the next item, if a list continues in another leaf

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element
    this.leaf = this.#newLeaf('leaf') // the element to which blocks are added
  }

  /**
   * Add source.
   * @param {string} text
   */
  push(text) {
    this.#tail += text.replaceAll('\r', '')
    this.#draw()
  }

  /** No more source comes. */
  end() {
    this.#settle()
    this.#tail = ''
  }

  /** Remove everything. */
  clear() {
    this.element.replaceChildren()
    this.#tail = ''
    this.#settle()
    this.leaf = this.#newLeaf('leaf')
  }

  /** @param {string} className */
  #newLeaf(className) {
    const leaf = el('div', { class: className })
    this.#size = 0
    this.element.append(leaf)
    return leaf
  }

  #draw() {
    const tokens = lex(this.#tail, this.#links)
    const last = tokens.findLastIndex(token => token.type !== 'space')
    if (last < 0) return
    for (const token of tokens.slice(0, last)) {
      this.#tail = this.#tail.slice(token.raw.length)
      if (token.type === 'space') continue
      this.#replaceOpen(token)
      this.#settle()
      this.#size += token.raw.length
      if (this.#size > LEAF) this.leaf = this.#newLeaf('leaf')
    }
    const open = tokens[last]
    if (open.raw.length > LONG) this.#drawPart(open)
    else this.#replaceOpen(open)
  }

  /**
   * Draw a block instead of the open nodes.
   * @param {Token} token
   */
  #replaceOpen(token) {
    for (const node of this.#open) node.remove()
    const fragment = render([token])
    const inner = this.#part?.type === token.type && fragment.querySelector(PARTS[token.type].host)
    if (!inner) this.#part = null
    this.#open = [...(inner || fragment).childNodes]
    const host = this.#part?.host ?? this.leaf
    host.append(...this.#open)
    const list = this.leaf.lastElementChild
    if (!inner && this.#number && list instanceof HTMLOListElement) list.start = this.#number
    this.#number = 0
  }

  /** Make the open nodes final. */
  #settle() {
    const frame = this.#part?.type === 'code' && this.#part.host.closest('.code')
    const whole = frame ? [frame] : this.#open
    for (const node of whole) if (node instanceof Element) enrich(node)
    this.#open = []
    this.#part = null
  }

  /**
   * Draw the beginning of a long block as final, and its end as open.
   * @param {Token} token
   */
  #drawPart(token) {
    const part = PARTS[token.type]?.cut(token)
    const begun = part && this.#tail.startsWith(part.done) ? lex(part.done, this.#links) : []
    if (!part || begun.length !== 1 || begun[0].type !== token.type) {
      this.#replaceOpen(token)
      return
    }
    const { done, head } = part
    this.#replaceOpen(begun[0])
    const host = this.#part?.host ?? this.#findHost(PARTS[token.type].host)
    if (/[ \n]$/.test(done) && token.type === 'paragraph') host.append(' ')
    for (const node of token.type === 'code' ? [] : this.#open) {
      if (node instanceof Element) enrich(node)
    }
    this.#open = []
    this.#part = { type: token.type, host }
    this.#tail = head + this.#tail.slice(done.length)
    this.#size += done.length
    if (this.#size > LEAF) this.#overflow(token.type, host)
    const [next] = lex(this.#tail, this.#links)
    if (next?.type === token.type) this.#replaceOpen(next)
  }

  /**
   * The first element that matches, among the open nodes and their descendants; else the leaf.
   * @param {string} selector
   * @returns {Element}
   */
  #findHost(selector) {
    for (const node of this.#open) {
      if (!(node instanceof Element)) continue
      const found = node.matches(selector) ? node : node.querySelector(selector)
      if (found) return found
    }
    return this.leaf
  }

  /**
   * Continue a long block in a new leaf: code inside its frame, everything else below it.
   * @param {string} type
   * @param {Element} host
   */
  #overflow(type, host) {
    if (type === 'code') {
      const leaf = el('span', { class: 'leaf' })
      host.closest('code')?.append(leaf)
      this.#part = { type, host: leaf }
      this.#size = 0
      return
    }
    if (host instanceof HTMLOListElement) this.#number = host.start + host.childElementCount
    this.#settle()
    this.leaf = this.#newLeaf('leaf joined')
  }
}
