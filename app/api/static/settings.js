// What a person sets for all answers: temperature and maximum length, in a dialog.

import { $ } from './dom.js'
import { local } from './storage.js'

/** @import { ChatRequest } from './wire.js' */

const STORAGE_KEY = 'options'
/** @typedef {NonNullable<ChatRequest['options']>} Options */
/** @type {[keyof Options, 'set-temperature' | 'set-length'][]} */
const FIELDS = [
  ['temperature', 'set-temperature'],
  ['max_tokens', 'set-length'],
]

/** @returns {Options | undefined} */
export function options() {
  try {
    const stored = JSON.parse(local.getItem(STORAGE_KEY) ?? '{}')
    return Object.keys(stored).length ? stored : undefined
  } catch {
    return undefined
  }
}

/** Let the button open the dialog, and mark it if something is set. */
export function install() {
  const dialog = $('settings')
  const button = $('settings-open')
  const mark = () => {
    button.classList.toggle('set', Boolean(options()))
    const set = options() ? ' (changed)' : ''
    button.setAttribute('aria-label', `Settings of the answer${set}`)
  }
  button.addEventListener('click', () => {
    for (const [name, id] of FIELDS) $(id).value = String(options()?.[name] ?? '')
    dialog.returnValue = ''
    dialog.showModal()
  })
  $('settings-reset').addEventListener('click', () => {
    for (const [, id] of FIELDS) $(id).value = ''
  })
  dialog.addEventListener('close', () => {
    if (dialog.returnValue !== 'yes') return
    /** @type {Options} */
    const chosen = {}
    for (const [name, id] of FIELDS) {
      if ($(id).value !== '') chosen[name] = $(id).valueAsNumber
    }
    local.setItem(STORAGE_KEY, JSON.stringify(chosen))
    mark()
  })
  mark()
}
