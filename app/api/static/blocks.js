// Where the source of a long Markdown block can be cut, so that its beginning is drawn only once.
// See docs/decisions/044-only-the-last-block-is-drawn-again.md.

/** @import { Token, Tokens } from 'marked' */

/** Characters; a longer block is drawn in parts. */
export const LONG = 2000

/**
 * The last position of a paragraph, before `limit`, where a new paragraph could begin: outside of
 * marks that may still be closed, and not before text that would be read as a list or a heading.
 * @param {Token[]} inline
 * @param {number} limit
 */
function lastSafeCut(inline, limit) {
  let best = 0
  let offset = 0
  for (const token of inline) {
    const isShortEnd = token === inline.at(-1) && token.raw.length < 2 * LONG
    const mark = isShortEnd ? token.raw.search(/[`*_~[<$\\]/) : -1
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

/**
 * The part of a block's source that is complete, and the lines that must stand before the rest so
 * that it is a block of the same type.
 * @typedef {{done: string, head: string}} Part
 */

/**
 * Cut source before its last line.
 * @param {string} raw
 * @param {RegExp} opening the lines that must stand before each part
 * @returns {Part | null}
 */
function cutLines(raw, opening) {
  const head = raw.match(opening)?.[0]
  const cut = raw.lastIndexOf('\n', raw.length - 2) + 1
  return head && cut > head.length ? { done: raw.slice(0, cut), head } : null
}

/**
 * How a long block of a type is drawn in parts: the selector of the element that holds its
 * children, and how its source is cut.
 * @type {Record<string, {host: string, cut: (token: Token) => Part | null}>}
 */
export const PARTS = {
  paragraph: {
    host: 'p',
    cut(token) {
      const { raw, tokens } = /** @type {Tokens.Paragraph} */ (token)
      const cut = lastSafeCut(tokens, raw.length - 200)
      return cut > 0 ? { done: raw.slice(0, cut), head: '' } : null
    },
  },
  code: { host: 'code', cut: ({ raw }) => cutLines(raw, /^ {0,3}(`{3,}|~{3,})[^\n]*\n/) },
  list: {
    host: 'ul, ol',
    cut(token) {
      const { items } = /** @type {Tokens.List} */ (token)
      if (items.length < 2) return null
      const done = items.slice(0, -1).map(item => item.raw)
      return { done: done.join(''), head: '' }
    },
  },
  table: { host: 'tbody', cut: ({ raw }) => cutLines(raw, /^[^\n]*\n[^\n]*\n/) },
}
