// Makes elements and fills them with text, never with HTML.

import { Phrase, setAttribute, textNode } from './phrases.js'

/** @import { Words } from './phrases.js' */

const SVG = 'http://www.w3.org/2000/svg'

/**
 * The elements of `index.html` that are more than an `HTMLElement`, by id.
 * @typedef {object} Elements
 * @property {HTMLSelectElement} agent
 * @property {HTMLInputElement} attach-files
 * @property {HTMLDialogElement} confirm
 * @property {HTMLDialogElement} help
 * @property {HTMLDialogElement} key
 * @property {HTMLInputElement} key-remember
 * @property {HTMLButtonElement} key-use
 * @property {HTMLInputElement} key-value
 * @property {HTMLSelectElement} model
 * @property {HTMLTextAreaElement} question
 * @property {HTMLDialogElement} rename
 * @property {HTMLInputElement} rename-title
 * @property {HTMLInputElement} search
 * @property {HTMLSelectElement} set-language
 * @property {HTMLInputElement} set-length
 * @property {HTMLTextAreaElement} set-system
 * @property {HTMLInputElement} set-temperature
 * @property {HTMLDialogElement} settings
 */

/** @typedef {Words | number | boolean | null | undefined} AttributeValue */
/** @typedef {Record<string, AttributeValue | ((event: MouseEvent) => unknown)>} Attributes */
/** @typedef {Node | Words | number | false | null | undefined} Child */

/**
 * The element of `index.html` with this id.
 * @template {string} Id
 * @param {Id} id
 * @returns {Id extends keyof Elements ? Elements[Id] : HTMLElement}
 */
export function $(id) {
  return /** @type {any} */ (document.getElementById(id))
}

/**
 * Make an element. A function among the attributes listens to the event of that name; `true` sets
 * an attribute without a value; `false` and `null` set nothing, and add no child.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') {
      element.addEventListener(name, /** @type {EventListener} */ (value))
    } else if (value instanceof Phrase) setAttribute(element, name, value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value != null) element.setAttribute(name, String(value))
  }
  for (const child of children) {
    if (child == null || child === false) continue
    if (child instanceof Phrase) element.append(textNode(child))
    else element.append(typeof child === 'number' ? String(child) : child)
  }
  return element
}

/**
 * Replace what is in an element by text.
 * @param {Element} element
 * @param {Words} words
 */
export function setText(element, words) {
  element.replaceChildren(words instanceof Phrase ? textNode(words) : words)
}

/**
 * Make an icon from the sprite in `index.html`.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg')
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `#i-${name}`)
  svg.setAttribute('aria-hidden', 'true')
  svg.append(use)
  return svg
}

/**
 * Make a button that shows an icon and is named by `label`.
 * @param {string} name
 * @param {Words} label
 * @param {(event: MouseEvent) => unknown} click
 */
export function iconButton(name, label, click) {
  return el(
    'button',
    { type: 'button', class: 'icon', 'aria-label': label, title: label, click },
    icon(name),
  )
}

/**
 * Copy text to the clipboard, and show on the button for a moment whether that worked.
 * @param {string} text
 * @param {HTMLElement} button
 */
export async function copy(text, button) {
  const copied = await write(text)
  const use = button.querySelector('use')
  const before = use?.getAttribute('href')
  if (!use || !before || before === '#i-check') return
  use.setAttribute('href', copied ? '#i-check' : '#i-close')
  button.classList.add('done')
  setTimeout(() => {
    use.setAttribute('href', before)
    button.classList.remove('done')
  }, 1200)
}

/**
 * @param {string} text
 * @returns {Promise<boolean>}
 */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return writeBySelection(text) // browsers have a clipboard only on https and localhost
  }
}

/** @param {string} text */
function writeBySelection(text) {
  const area = el('textarea', { class: 'unseen', 'aria-hidden': 'true' })
  area.value = text
  const focused = document.activeElement
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return copied
}

/**
 * Call `show` once, when an element comes near the visible part of the page.
 * @param {Element} element
 * @param {() => unknown} show
 */
export function whenVisible(element, show) {
  const observer = new IntersectionObserver(
    entries => {
      if (!entries.some(entry => entry.isIntersecting)) return
      observer.disconnect()
      show()
    },
    { rootMargin: '50%' },
  )
  observer.observe(element)
}
