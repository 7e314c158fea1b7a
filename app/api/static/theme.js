// The colour scheme: light, dark, or that of the system.

import { local } from './storage.js'

const LABELS = { auto: 'Auto', light: 'Light', dark: 'Dark' }
const THEMES = /** @type {(keyof typeof LABELS)[]} */ (Object.keys(LABELS))

/**
 * Apply the stored theme, and let `button` switch to the next one.
 * @param {HTMLElement} button
 */
export function install(button) {
  const stored = local.getItem('theme')
  let theme = THEMES.find(name => name === stored) ?? 'auto'
  const show = () => {
    document.documentElement.dataset.theme = theme
    if (button.lastElementChild) button.lastElementChild.textContent = LABELS[theme]
    button.setAttribute('aria-label', `Colours: ${LABELS[theme]}`)
  }
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]
    local.setItem('theme', theme)
    show()
  })
  show()
}
