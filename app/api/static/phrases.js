// Phrases: text that follows the language of the page. Where a phrase is shown, another language
// replaces the text, and nothing is drawn again.
// See docs/decisions/076-a-phrase-follows-the-language.md.

/** @typedef {Partial<Record<Intl.LDMLPluralRule, string>>} Forms those of a plural */
/** @typedef {{summary: string, advice: string}} Meaning of an error code */
/**
 * A language: its `phrases` by the English ones, and the meanings of `errors` by their codes.
 * @typedef {{phrases: Record<string, string | Forms>, errors: Record<string, Meaning>}} Language
 */
/** @typedef {string | Phrase} Words text of others, or our own */

const ATTRIBUTES = ['aria-label', 'title', 'placeholder', 'alt']
/** What has words, but none to translate. */
const UNTRANSLATED = '[translate=no], noscript, script, svg'

let code = 'en'
let locale = 'en'
/** @type {Language} */
let language = { phrases: {}, errors: {} }

/** @type {WeakMap<Node, Phrase>} the text nodes that show a phrase */
const texts = new WeakMap()
/** @type {WeakMap<Element, Map<string, Phrase>>} the attributes that have one */
const attributes = new WeakMap()

/** Text in the language of the page, whenever it is read. */
export class Phrase {
  #make

  /** @param {() => string} make */
  constructor(make) {
    this.#make = make
  }

  toString() {
    return this.#make()
  }
}

/**
 * A phrase by its English text. Each `{name}` in it stands for one of the values; numbers are
 * written as is usual in the language.
 * @param {string} text
 * @param {Record<string, Words | number>} [values]
 */
export function t(text, values = {}) {
  return new Phrase(() => fill(String(language.phrases[text] ?? text), values))
}

/**
 * A phrase with a `{count}`, by the English forms of it.
 * @param {number} count
 * @param {{one: string, other: string}} forms
 * @param {Record<string, Words | number>} [values]
 */
export function plural(count, forms, values = {}) {
  return new Phrase(() => {
    const known = language.phrases[forms.other]
    const category = new Intl.PluralRules(code).select(count)
    const form = typeof known === 'object' ? (known[category] ?? known.other) : undefined
    const english = count === 1 ? forms.one : forms.other
    return fill(form ?? english, { ...values, count })
  })
}

/**
 * Phrases and other text in a row.
 * @param {(Words | false | null | undefined)[]} parts of which empty ones are left out
 * @param {string} separator
 */
export function joined(parts, separator) {
  return new Phrase(() => parts.filter(Boolean).join(separator))
}

/**
 * The text before a `{place}` in a phrase, what stands there, and the text after it.
 * @param {Phrase} phrase
 * @param {Node} place
 * @returns {(Phrase | Node)[]}
 */
export function around(phrase, place) {
  const [before, after] = [0, 1].map(
    half => new Phrase(() => String(phrase).split(/\{\w+\}/)[half] ?? ''),
  )
  return [before, place, after]
}

/**
 * A number as it is written in the language.
 * @param {number} value
 * @param {number} [digits] after the point
 */
export function number(value, digits) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits }
  return new Phrase(() => new Intl.NumberFormat(locale, options).format(value))
}

/**
 * How long something took.
 * @param {number} seconds
 */
export function inSeconds(seconds) {
  return t('{count} s', { count: number(seconds, 1) })
}

/**
 * A time as it is written in the language.
 * @param {number} time Unix time in seconds
 * @param {Intl.DateTimeFormatOptions} options
 */
export function date(time, options) {
  return new Phrase(() => new Intl.DateTimeFormat(locale, options).format(time * 1000))
}

/**
 * What an error code means, in the language of the page.
 * @param {string} code
 * @param {Meaning} english
 */
export function meaning(code, english) {
  return {
    summary: new Phrase(() => (language.errors[code] ?? english).summary),
    advice: new Phrase(() => (language.errors[code] ?? english).advice),
  }
}

/**
 * @param {string} text
 * @param {Record<string, Words | number>} values
 */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (place, name) => {
    const value = values[name]
    return String(typeof value === 'number' ? number(value) : (value ?? place))
  })
}

/**
 * A text node that shows a phrase.
 * @param {Phrase} phrase
 */
export function textNode(phrase) {
  const node = document.createTextNode(String(phrase))
  texts.set(node, phrase)
  return node
}

/**
 * Set an attribute to a text or phrase.
 * @param {Element} element
 * @param {string} name
 * @param {Words} words
 */
export function setAttribute(element, name, words) {
  element.setAttribute(name, String(words))
  const known = attributes.get(element) ?? new Map()
  if (words instanceof Phrase) attributes.set(element, known.set(name, words))
  else known.delete(name)
}

/** @param {Node} root */
function* nodes(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) yield walker.currentNode
}

/**
 * Show all phrases of the page in a language.
 * @param {string} newCode
 * @param {string} newLocale the code with a region, for numbers and dates
 * @param {Language} newLanguage
 */
export function speak(newCode, newLocale, newLanguage) {
  ;[code, locale, language] = [newCode, newLocale, newLanguage]
  document.documentElement.lang = code
  for (const node of nodes(document.documentElement)) {
    const phrase = texts.get(node)
    if (phrase) node.textContent = String(phrase)
    if (!(node instanceof Element)) continue
    for (const [name, words] of attributes.get(node) ?? []) node.setAttribute(name, String(words))
  }
}

/** Take the English text that `index.html` has as phrases, before anything else is in the page. */
function adopt() {
  for (const node of nodes(document.body)) {
    if (node.parentElement?.closest(UNTRANSLATED)) continue
    if (node instanceof Element) {
      for (const name of ATTRIBUTES) {
        const value = node.getAttribute(name)
        if (value) setAttribute(node, name, t(value))
      }
    } else {
      const [, before, text, after] = node.textContent?.match(/^(\s*)(.*?)(\s*)$/s) ?? []
      const phrase = t(text)
      if (/\p{L}/u.test(text)) texts.set(node, new Phrase(() => `${before}${phrase}${after}`))
    }
  }
}

adopt()
