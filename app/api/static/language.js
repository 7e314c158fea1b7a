// The language of the page: the one that a person has chosen, that the address names, or that the
// browser prefers.
// See docs/decisions/076-a-phrase-follows-the-language.md.

import { speak } from './phrases.js'
import { local } from './storage.js'

/** @import { Language } from './phrases.js' */

/** The languages, each by its own name. All but English have a file in `languages/`. */
export const NAMES = {
  en: 'English',
  de: 'Deutsch',
  es: 'Español',
  fr: 'Français',
  'zh-CN': '简体中文',
}

/** @typedef {keyof typeof NAMES} Code */

const CODES = /** @type {Code[]} */ (Object.keys(NAMES))
const STORAGE_KEY = 'language'
/** @type {Language} the page is written in it */
const ENGLISH = { phrases: {}, errors: {} }

/** @type {Code | ''} */
let current = ''
let failures = 0 // to load a language; a browser may remember one under the same address

/**
 * The language of the page that a reader of `tag` can read, if there is one.
 * @param {string | null} tag
 */
function codeOf(tag) {
  try {
    const wanted = new Intl.Locale(tag ?? '').maximize()
    return CODES.find(code => {
      const own = new Intl.Locale(code).maximize()
      return own.language === wanted.language && own.script === wanted.script
    })
  } catch {
    return undefined // no tag of a language
  }
}

/** The language that a person has chosen, or an empty string. */
export function chosen() {
  return codeOf(local.getItem(STORAGE_KEY)) ?? ''
}

/**
 * Keep the language that a person has chosen, and show the page in it.
 * @param {string} code an empty string for the one that the browser prefers
 */
export function choose(code) {
  if (code) local.setItem(STORAGE_KEY, code)
  else local.removeItem(STORAGE_KEY)
  return show()
}

/**
 * Show the page in the language that is chosen, that its address names (`?lang=de`), or that the
 * browser prefers.
 * @returns {Promise<boolean>} false if the language could not be loaded: another one stays
 */
export async function show() {
  const named = new URLSearchParams(location.search).get('lang')
  const wanted = [local.getItem(STORAGE_KEY), named, ...navigator.languages]
  const code = wanted.map(codeOf).find(Boolean) ?? 'en'
  if (code === current) return true
  try {
    const again = failures ? `?again=${failures}` : ''
    const language =
      code === 'en' ? ENGLISH : (await import(`./languages/${code}.js${again}`)).default
    current = code
    speak(code, navigator.languages.find(tag => codeOf(tag) === code) ?? code, language)
  } catch {
    failures++
    return false
  }
  return true
}
