// Markdown to nodes without active content.
// See docs/decisions/039-the-page-has-no-build-step.md.

import { copy, el, iconButton } from './dom.js'
import { escaped, NOTATION } from './notation.js'
import { setAttribute, t } from './phrases.js'
import DOMPurify from './vendor/dompurify/purify.es.mjs'
import { Lexer, Marked } from './vendor/marked/marked.esm.js'

/** @import { Config } from 'dompurify' */
/** @import { Token, TokensList } from 'marked' */

/** @type {Config & {RETURN_DOM_FRAGMENT: true}} */
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
    'sup',
    'table',
    'tbody',
    'td',
    'th',
    'thead',
    'tr',
    'ul',
  ],
  ALLOWED_ATTR: ['align', 'class', 'href', 'start', 'title'],
  ADD_URI_SAFE_ATTR: ['align', 'start'], // their values are no addresses
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|\/?(?:[\w.~-]+\/)*api\/v1\/runs\/)/i,
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
}

/** Media of this server's own runs. */
const OWN = /^\/?(?:[\w.~-]+\/)*api\/v1\/runs\/[\w.-]+\/media\/[\w.-]+$/

const marked = new Marked({
  gfm: true,
  extensions: NOTATION,
  renderer: {
    // HTML is shown as text. A picture of another server becomes a link, because loading it would
    // reveal the reader.
    html: ({ text, block }) => (block ? `<p>${escaped(text)}</p>` : escaped(text)),
    image: ({ href, text }) => {
      const own = OWN.test(href) ? ' class="picture"' : ''
      return `<a${own} href="${escaped(href)}">${escaped(text || href)}</a>`
    },
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
  },
})

/**
 * The tokens of Markdown source.
 * @param {string} source
 * @param {TokensList['links']} links definitions of references, to which more may be added
 */
export function lex(source, links) {
  const lexer = new Lexer(marked.defaults)
  lexer.tokens.links = links
  return lexer.lex(source)
}

/**
 * Make nodes without active content of tokens.
 * @param {Token[]} tokens
 */
export function render(tokens) {
  const fragment = DOMPurify.sanitize(marked.parser(tokens), SAFE)
  for (const link of fragment.querySelectorAll('a')) {
    link.target = '_blank'
    link.rel = 'noopener noreferrer nofollow'
  }
  for (const table of fragment.querySelectorAll('table')) {
    const frame = el('div', { class: 'wide', tabindex: 0, role: 'group', 'aria-label': t('Table') })
    table.replaceWith(frame)
    frame.append(table)
  }
  for (const pre of fragment.querySelectorAll('pre')) frameCode(pre)
  return fragment
}

/**
 * Put a block of code into a frame with its language and a button.
 * @param {HTMLPreElement} pre
 */
function frameCode(pre) {
  const code = pre.querySelector('code')
  const language = code?.className.match(/^language-([\w+#.-]{1,30})/)?.[1] ?? ''
  const button = iconButton('copy', t('Copy the code'), () => copy(pre.textContent, button))
  const head = el('div', { class: 'code-head' }, el('span', {}, language), button)
  const frame = el('div', { class: 'code' }, head)
  pre.tabIndex = 0
  pre.setAttribute('role', 'group')
  setAttribute(pre, 'aria-label', language ? t('Code in {language}', { language }) : t('Code'))
  pre.replaceWith(frame)
  frame.append(pre)
}
