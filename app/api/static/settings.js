// What a person sets for all answers and for the page, in a dialog.

import { showBanner } from './banners.js'
import { $, el, setText } from './dom.js'
import * as language from './language.js'
import { setAttribute, t } from './phrases.js'
import { local } from './storage.js'

/** @import { AgentInfo } from './catalog.js' */
/** @import { ChatRequest } from './wire.js' */

const STORAGE_KEY = 'options'
const SYSTEM_KEY = 'system'
const TAKEN = t('Instructions of your own, beside those of the agent.')
const NOT_TAKEN = t('This agent takes no system prompt of yours.')
const LABELS = { auto: t('Auto'), light: t('Light'), dark: t('Dark') } // of colours
const THEMES = /** @type {(keyof typeof LABELS)[]} */ (Object.keys(LABELS))
const NOT_LOADED = t('The language was not loaded. Is the server running?')
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

/** The instructions that a person adds to those of agents that take them. */
export function system() {
  return local.getItem(SYSTEM_KEY) ?? ''
}

/**
 * Let the button open the dialog, and mark it if something is set; apply the colours.
 * @param {() => AgentInfo | undefined} agent the chosen one
 */
export function install(agent) {
  const dialog = $('settings')
  const button = $('settings-open')
  const mark = () => {
    const changed = Boolean(options() || system())
    button.classList.toggle('set', changed)
    setAttribute(button, 'aria-label', changed ? t('Settings (changed)') : t('Settings'))
  }
  for (const [code, name] of Object.entries(language.NAMES)) {
    $('set-language').append(el('option', { value: code, lang: code }, name))
  }
  button.addEventListener('click', () => {
    for (const [name, id] of FIELDS) $(id).value = String(options()?.[name] ?? '')
    const taken = Boolean(agent()?.takes_system)
    $('set-system').value = system()
    $('set-system').disabled = !taken
    setText($('set-system-note'), taken ? TAKEN : NOT_TAKEN)
    $('set-language').value = language.chosen()
    dialog.returnValue = ''
    dialog.showModal()
  })
  $('settings-reset').addEventListener('click', () => {
    for (const [, id] of FIELDS) $(id).value = ''
    $('set-system').value = ''
  })
  dialog.addEventListener('close', async () => {
    if (dialog.returnValue !== 'yes') return
    /** @type {Options} */
    const chosen = {}
    for (const [name, id] of FIELDS) {
      if ($(id).value !== '') chosen[name] = $(id).valueAsNumber
    }
    local.setItem(STORAGE_KEY, JSON.stringify(chosen))
    local.setItem(SYSTEM_KEY, $('set-system').value.trim())
    mark()
    if (!(await language.choose($('set-language').value))) showBanner('failed', NOT_LOADED)
  })
  mark()
  installTheme($('theme'))
}

/**
 * Apply the stored colours, and let `button` switch to the next ones.
 * @param {HTMLElement} button
 */
function installTheme(button) {
  const stored = local.getItem('theme')
  let theme = THEMES.find(name => name === stored) ?? 'auto'
  const show = () => {
    document.documentElement.dataset.theme = theme
    if (button.lastElementChild) setText(button.lastElementChild, LABELS[theme])
    setAttribute(button, 'aria-label', t('Colours: {colours}', { colours: LABELS[theme] }))
  }
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]
    local.setItem('theme', theme)
    show()
  })
  show()
}
