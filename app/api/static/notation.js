// What answers contain beside Markdown: formulas and footnotes, as extensions of `marked`.
//
// An open formula is text until it is closed, and none contains an empty line, so that an answer
// that is drawn block by block looks as if it were drawn at once.
// See docs/decisions/064-an-answer-is-enriched-where-it-is-seen.md.

/** @import { TokenizerAndRendererExtension, Tokens } from 'marked' */

/** @type {Record<string, string>} */
const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** @param {string} text */
export function escaped(text) {
  return text.replace(/[&<>"]/g, character => ESCAPES[character])
}

const BLOCK = [
  /^ {0,3}\$\$[ \t]*((?:(?!\$\$|\n[ \t]*\n).){1,4000}?)\s*\$\$[ \t]*(?:\n+|$)/s,
  /^ {0,3}\\\[[ \t]*((?:(?!\\\]|\n[ \t]*\n).){1,4000}?)\s*\\\][ \t]*(?:\n+|$)/s,
]

// As in Pandoc: `$5 and $6` is no formula, since there is a space before the second dollar sign.
const INLINE = [
  { rule: /^\$\$((?:(?!\$\$|\n[ \t]*\n).){1,4000}?)\$\$/s, display: true },
  { rule: /^\\\[((?:(?!\\\]|\n[ \t]*\n).){1,4000}?)\\\]/s, display: true },
  { rule: /^\\\(((?:(?!\\\)|\n[ \t]*\n).){1,4000}?)\\\)/s, display: false },
  { rule: /^\$(?![\s$])((?:\\[^\n]|[^\\$\n])*?[^\s\\$])\$(?![\d$])/, display: false },
]

/**
 * @param {string} source
 * @param {boolean} display whether the formula stands in a line of its own
 */
function formula(source, display) {
  return `<code class="math${display ? ' display' : ''}">${escaped(source.trim())}</code>`
}

/** @type {TokenizerAndRendererExtension[]} */
export const NOTATION = [
  {
    name: 'mathBlock',
    level: 'block',
    start: source => source.match(/(?:^|\n) {0,3}(?:\$\$|\\\[)/)?.index,
    tokenizer(source) {
      const match = BLOCK.map(rule => rule.exec(source)).find(Boolean)
      return match ? { type: 'mathBlock', raw: match[0], text: match[1] } : undefined
    },
    renderer: token => `<p>${formula(token.text, true)}</p>`,
  },
  {
    name: 'math',
    level: 'inline',
    start: source => source.match(/\$|\\[[(]/)?.index,
    tokenizer(source) {
      for (const { rule, display } of INLINE) {
        const match = rule.exec(source)
        if (match) return { type: 'math', raw: match[0], text: match[1], display }
      }
      return undefined
    },
    renderer: token => formula(token.text, token.display),
  },
  {
    name: 'footnote',
    level: 'block',
    tokenizer(source) {
      const match = /^ {0,3}\[\^([^\]\s]{1,40})\]:[ \t]*([^\n]+(?:\n {2,}[^\n]+)*)(?:\n+|$)/.exec(
        source,
      )
      if (!match) return undefined
      const [raw, label, text] = match
      /** @type {Tokens.Generic} */
      const token = { type: 'footnote', raw, label, tokens: [] }
      this.lexer.inline(text, token.tokens)
      return token
    },
    renderer(token) {
      const text = this.parser.parseInline(token.tokens ?? [])
      return `<p class="footnote"><sup>${escaped(token.label)}</sup> ${text}</p>`
    },
  },
  {
    name: 'footnoteMark',
    level: 'inline',
    start: source => source.match(/\[\^/)?.index,
    tokenizer(source) {
      const match = /^\[\^([^\]\s]{1,40})\](?!:)/.exec(source)
      return match ? { type: 'footnoteMark', raw: match[0], label: match[1] } : undefined
    },
    renderer: token => `<sup class="mark">${escaped(token.label)}</sup>`,
  },
]
