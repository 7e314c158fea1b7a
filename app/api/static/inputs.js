// The inputs of a decision: values by the fields of a form, answers by the options of a question.

import { el, setText } from './dom.js'
import { t } from './phrases.js'

/** @import { Words } from './phrases.js' */
/** @import { InputField, PersonQuestion } from './requirements.js' */

/**
 * Something that a person fills in. `read` returns undefined for what is left empty.
 * @typedef {{element: HTMLElement, read: () => any}} Input
 */

const NUMBERS = new Set(['int', 'integer', 'float', 'number'])
const WHOLE = new Set(['int', 'integer'])
const TRUTH = new Set(['bool', 'boolean'])
const JSON_TYPES = new Set(['list', 'array', 'dict', 'object'])
const LONG = 60 // characters

let names = 0

/** A name or id that no other input has. */
export function newName() {
  names += 1
  return `decision-${names}`
}

/**
 * A label with a text area, for reasons, results and outputs.
 * @param {Words} label
 * @param {{value?: string, required?: boolean}} [more]
 */
export function textArea(label, { value = '', required = false } = {}) {
  const rows = Math.min(12, Math.max(2, value.split('\n').length))
  const area = el('textarea', { class: 'field', rows, required })
  area.value = value
  return { element: el('label', {}, label, area), area }
}

/**
 * An input for one value of a form.
 * @param {InputField} field
 * @returns {Input}
 */
export function fieldInput(field) {
  const { name, description, required = true } = field
  const control = controlOf(field)
  const hint = description ? el('small', { id: newName() }, description) : null
  if (hint) control.setAttribute('aria-describedby', hint.id)
  control.required = required
  control.classList.add('field')
  const label = el(
    'label',
    {},
    name,
    required ? null : ' ',
    required ? null : t('(optional)'),
    control,
  )
  return { element: el('div', {}, label, hint), read: () => givenValue(field, control) }
}

/**
 * @param {InputField} field
 * @returns {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement}
 */
function controlOf({ type = 'str', value, allowed }) {
  const choices = TRUTH.has(type) ? [true, false] : allowed
  if (choices?.length) {
    const options = choices.map(choice => el('option', { value: JSON.stringify(choice) }))
    for (const [at, option] of options.entries()) setText(option, nameOf(choices[at]))
    const select = el('select', {}, el('option', { value: '' }, t('Choose …')), ...options)
    select.value = value == null ? '' : JSON.stringify(value)
    return select
  }
  if (NUMBERS.has(type)) {
    const step = WHOLE.has(type) ? 1 : 'any'
    return el('input', { type: 'number', step, value: typeof value === 'number' ? value : null })
  }
  const isJson = JSON_TYPES.has(type)
  const text = value == null ? '' : isJson ? JSON.stringify(value, null, 2) : String(value)
  if (!isJson && text.length < LONG && !text.includes('\n')) {
    return el('input', { type: 'text', value: text, autocomplete: 'off' })
  }
  const area = el('textarea', { rows: 3, placeholder: isJson ? 'JSON' : null })
  area.value = text
  if (isJson) area.addEventListener('input', () => area.setCustomValidity(complaint(area.value)))
  return area
}

/** @param {unknown} choice */
function nameOf(choice) {
  if (typeof choice === 'boolean') return choice ? t('Yes') : t('No')
  return typeof choice === 'string' ? choice : JSON.stringify(choice)
}

/** @param {string} text */
function complaint(text) {
  try {
    if (text.trim()) JSON.parse(text)
    return ''
  } catch {
    return String(t('This is not JSON.'))
  }
}

/**
 * @param {InputField} field
 * @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} control
 */
function givenValue({ type = 'str', allowed }, control) {
  const text = control.value
  if (!text.trim()) return undefined
  if (control instanceof HTMLSelectElement) return JSON.parse(text)
  if (NUMBERS.has(type)) return Number(text)
  return JSON_TYPES.has(type) && !allowed?.length ? JSON.parse(text) : text
}

/**
 * A question with its options, of which one or several are chosen; `free` lets a person write
 * another answer. `read` returns the chosen labels.
 * @param {PersonQuestion} question
 * @param {boolean} free
 * @returns {Input}
 */
export function questionInput({ question, options, header, multiple = false }, free) {
  const name = newName()
  const boxes = options.map(({ label }) =>
    el('input', { type: multiple ? 'checkbox' : 'radio', name, value: label }),
  )
  const own = free ? el('input', { type: 'text', class: 'field', autocomplete: 'off' }) : null
  const read = () => {
    const chosen = boxes.filter(box => box.checked).map(({ value }) => value)
    const text = own?.value.trim()
    return text ? [...(multiple ? chosen : []), text] : chosen
  }
  const first = boxes[0] ?? own
  const check = () => first?.setCustomValidity(read().length ? '' : String(t('Choose an answer.')))
  check()
  const lines = options.map(({ label, description }, at) =>
    el('label', { class: 'tick' }, boxes[at], el('span', {}, label, describe(description))),
  )
  const element = el(
    'fieldset',
    { class: 'question-options', input: check, change: check },
    el('legend', {}, header ? el('span', { class: 'kind' }, `${header} · `) : null, question),
    multiple ? el('p', { class: 'hint' }, t('Several may be chosen.')) : null,
    ...lines,
    own && el('label', {}, options.length ? t('Another answer') : t('Answer'), own),
  )
  return { element, read }
}

/** @param {string | undefined} text */
function describe(text) {
  return text ? el('small', {}, text) : null
}
