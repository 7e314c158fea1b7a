// Markdown as it streams: finished blocks are drawn once, only the last one is drawn again.

import { copy, el, iconButton } from './dom.js'
import DOMPurify from './vendor/dompurify/purify.es.mjs'
import { Lexer, Marked } from './vendor/marked/marked.esm.js'

const LONG = 2000 // characters; a longer last block is drawn in parts
const LEAF = 5000 // characters; so much of the page is laid out for itself, and only if it is seen

const SAFE = {
  ALLOWED_TAGS: [
    'a',
    'blockquote',
    'br',
    'code',
    'del',
    'em',
    'h1',
    'h2',
    'h3',
    'h4',
    'h5',
    'h6',
    'hr',
    'li',
    'ol',
    'p',
    'pre',
    'strong',
    'table',
    'tbody',
    'td',
    'th',
    'thead',
    'tr',
    'ul',
  ],
  ALLOWED_ATTR: ['align', 'class', 'href', 'start', 'title'],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
}

const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escaped = text => text.replace(/[&<>"]/g, character => escapes[character])

const marked = new Marked({
  gfm: true,
  renderer: {
    // HTML is shown, not obeyed; a picture is a link, for loading it would tell who reads.
    html: ({ text, block }) => (block ? `<p>${escaped(text)}</p>` : escaped(text)),
    image: ({ href, text }) => `<a href="${escaped(href)}">${escaped(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
})

/** Tokens as nodes in which nothing can run. */
function nodes(tokens) {
  const fragment = DOMPurify.sanitize(marked.parser(tokens), SAFE)
  for (const link of fragment.querySelectorAll('a')) {
    link.target = '_blank'
    link.rel = 'noopener noreferrer nofollow'
  }
  for (const table of fragment.querySelectorAll('table')) {
    const frame = el('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Table' })
    table.replaceWith(frame)
    frame.append(table)
  }
  for (const pre of fragment.querySelectorAll('pre')) frameCode(pre)
  return fragment
}

function frameCode(pre) {
  const code = pre.querySelector('code')
  const language = code?.className.match(/^language-([\w+#.-]{1,30})/)?.[1] ?? ''
  const button = iconButton('copy', 'Copy the code', () => copy(pre.textContent, button))
  const frame = el(
    'div',
    { class: 'code' },
    el('div', { class: 'code-head' }, el('span', {}, language), button),
  )
  pre.tabIndex = 0
  pre.setAttribute('role', 'region')
  pre.setAttribute('aria-label', language ? `Code in ${language}` : 'Code')
  pre.replaceWith(frame)
  frame.append(pre)
}

/** The last place of a paragraph, before `limit`, where another one may begin: outside of marks that
 * may yet be closed, and not before what could be read as a list or a heading. */
function lastSafeCut(inline, limit) {
  let best = 0
  let offset = 0
  for (const token of inline) {
    const mark =
      token === inline.at(-1) && token.raw.length < 2 * LONG ? token.raw.search(/[`*_~[<]/) : -1
    const end = mark < 0 ? token.raw.length : mark
    if (token.type === 'text') {
      for (const { index } of token.raw.matchAll(/(?<=\s)(?=\p{L}|\d+\s)|(?=\p{Lo})/gu)) {
        if (index < end && offset + index < limit) best = offset + index
      }
    }
    offset += token.raw.length
  }
  return best
}

// How a long block is parted: where its children live, and the part of its source that is done, with
// the lines that must stand before the rest for it to be a block of the same kind.
const PARTS = {
  paragraph: {
    host: 'p',
    part({ raw, tokens }) {
      const cut = lastSafeCut(tokens, raw.length - 200)
      return cut > 0 ? { done: raw.slice(0, cut), head: '' } : null
    },
  },
  code: {
    host: 'code',
    part({ raw }) {
      const head = raw.match(/^ {0,3}(`{3,}|~{3,})[^\n]*\n/)?.[0]
      const cut = raw.lastIndexOf('\n', raw.length - 2) + 1
      return head && cut > head.length ? { done: raw.slice(0, cut), head } : null
    },
  },
  list: {
    host: 'ul, ol',
    part({ items }) {
      if (items.length < 2) return null
      return {
        done: items
          .slice(0, -1)
          .map(item => item.raw)
          .join(''),
        head: '',
      }
    },
  },
  table: {
    host: 'tbody',
    part({ raw }) {
      const head = raw.match(/^[^\n]*\n[^\n]*\n/)?.[0]
      const cut = raw.lastIndexOf('\n', raw.length - 2) + 1
      return head && cut > head.length ? { done: raw.slice(0, cut), head } : null
    },
  },
}

export class StreamedMarkdown {
  #tail = '' // source of what may still change
  #open = [] // its nodes
  #part = null // {type, host} of a long block of which only the end may still change
  #links = Object.create(null) // definitions of references, which may be used much later
  #leaf = null // the element that blocks are added to
  #size = 0 // characters of its source
  #number = 0 // of the next item, where a list goes on in another leaf

  constructor(element) {
    this.element = element
    this.#turn('leaf')
  }

  push(text) {
    this.#tail += text.replaceAll('\r', '')
    this.#draw()
  }

  clear() {
    this.element.replaceChildren()
    this.#tail = ''
    this.#settle()
    this.#turn('leaf')
  }

  #turn(name) {
    this.#leaf = el('div', { class: name })
    this.#size = 0
    this.element.append(this.#leaf)
  }

  #draw() {
    const tokens = this.#lex(this.#tail)
    const last = tokens.findLastIndex(token => token.type !== 'space')
    if (last < 0) return
    for (const token of tokens.slice(0, last)) {
      this.#tail = this.#tail.slice(token.raw.length)
      if (token.type === 'space') continue
      this.#place(token)
      this.#settle()
      this.#size += token.raw.length
      if (this.#size > LEAF) this.#turn('leaf')
    }
    const open = tokens[last]
    if (open.raw.length > LONG) this.#shorten(open)
    else this.#place(open)
  }

  #lex(source) {
    const lexer = new Lexer(marked.defaults)
    lexer.tokens.links = this.#links
    return lexer.lex(source)
  }

  /** Draw a block in the place of what is open. */
  #place(token) {
    for (const node of this.#open) node.remove()
    const fragment = nodes([token])
    const inner = this.#part?.type === token.type && fragment.querySelector(PARTS[token.type].host)
    if (!inner) this.#part = null
    this.#open = [...(inner || fragment).childNodes]
    ;(this.#part?.host ?? this.#leaf).append(...this.#open)
    if (!inner && this.#number && token.ordered) this.#leaf.lastElementChild.start = this.#number
    this.#number = 0
  }

  #settle() {
    this.#open = []
    this.#part = null
  }

  /** Draw the beginning of a long block for good, and its end as what is open. */
  #shorten(token) {
    const { done, head } = PARTS[token.type]?.part(token) ?? {}
    const begun = done && this.#tail.startsWith(done) && this.#lex(done)
    if (begun?.length !== 1 || begun[0].type !== token.type) return this.#place(token)
    this.#place(begun[0])
    const host =
      this.#part?.host ?? this.#open.map(node => find(node, PARTS[token.type].host)).find(Boolean)
    if (/[ \n]$/.test(done) && token.type === 'paragraph') host.append(' ')
    this.#open = []
    this.#part = { type: token.type, host }
    this.#tail = head + this.#tail.slice(done.length)
    this.#size += done.length
    if (this.#size > LEAF) this.#overflow(token, host)
    const [next] = this.#lex(this.#tail)
    if (next?.type === token.type) this.#place(next)
  }

  /** Go on with a long block in a leaf of its own: code within its frame, all else below it. */
  #overflow({ type, ordered }, host) {
    if (type === 'code') {
      const code = host.closest('code')
      this.#part.host = el('span', { class: 'leaf' })
      code.append(this.#part.host)
      this.#size = 0
      return
    }
    if (ordered) this.#number = host.start + host.childElementCount
    this.#settle()
    this.#turn('leaf joined')
  }
}

const find = (node, selector) =>
  node.nodeType !== Node.ELEMENT_NODE
    ? null
    : node.matches(selector)
      ? node
      : node.querySelector(selector)
