// The API key of a server that requires one. It is sent in a header and nowhere else. Streams,
// whose requests cannot have that header, have signed addresses.
// See docs/decisions/043-a-key-travels-in-a-header-only.md.

import { $, setText } from './dom.js'
import * as memory from './memory.js'
import { joined, t } from './phrases.js'
import { local, session } from './storage.js'

/** @import { Words } from './phrases.js' */

const STORAGE_KEY = 'key'

/** The error code of a server without keys, which the site around it tells who its users are. */
export const NOT_SIGNED_IN = 'not_signed_in'

const UNKNOWN_KEY = t('The server does not know this key.')

/** @type {Promise<boolean> | null} */
let openDialog = null // its result, while the dialog is open
let declined = false

/** The key, or null. It is read from storage each time, because other tabs may have deleted it. */
export function current() {
  return session.getItem(STORAGE_KEY) ?? local.getItem(STORAGE_KEY)
}

/**
 * The header that carries a key.
 * @param {string | null} key
 * @returns {Record<string, string>}
 */
export function header(key = current()) {
  return key ? { Authorization: `Bearer ${key}` } : {}
}

/** Whether the user closed the dialog without a key: then no request opens it again by itself. */
export function wasDeclined() {
  return declined
}

/** Let requests open the dialog again, because the user has done something that needs a key. */
export function allowDialog() {
  declined = false
}

/**
 * Use a key without asking whether the server knows it, until this tab is closed.
 * @param {string} key
 */
export function use(key) {
  store(key)
}

/** Delete the key, and the questions that were sent with it. */
export function forget() {
  store(null)
  memory.forgetAll()
}

/**
 * @param {string | null} key
 * @param {import('./storage.js').Kept} [storage]
 */
function store(key, storage = session) {
  session.removeItem(STORAGE_KEY)
  local.removeItem(STORAGE_KEY)
  if (key) storage.setItem(STORAGE_KEY, key)
}

/**
 * Replace a key that the server refused with 401. All requests share one dialog.
 * @param {string | null} refused
 * @returns {Promise<boolean>} whether there is another key to try
 */
export async function replace(refused) {
  if (openDialog) return openDialog
  if (current() !== refused) return true
  forget()
  return declined
    ? false
    : enter(refused ? joined([UNKNOWN_KEY, t('It may have been replaced.')], ' ') : '')
}

/**
 * Open the dialog.
 * @param {Words} [remark] what is wrong with the previous key
 * @returns {Promise<boolean>} whether the user entered a key that the server knows
 */
export function enter(remark = '') {
  declined = false
  openDialog ??= showDialog(remark).finally(() => {
    openDialog = null
  })
  return openDialog
}

/**
 * @param {Words} remark
 * @returns {Promise<boolean>}
 */
function showDialog(remark) {
  const dialog = $('key')
  const field = $('key-value')
  const remember = $('key-remember')
  const use = $('key-use')
  field.value = ''
  remember.checked = local.getItem(STORAGE_KEY) !== null
  $('key-forget').hidden = !current()
  const showRemark = (/** @type {Words} */ text) => {
    setText($('key-remark'), text)
    field.setAttribute('aria-invalid', String(Boolean(text)))
  }
  showRemark(remark)
  dialog.returnValue = ''
  const form = /** @type {HTMLFormElement} */ (dialog.querySelector('form'))
  form.onsubmit = async event => {
    if (event.submitter instanceof HTMLButtonElement && event.submitter.value === 'no') return
    event.preventDefault()
    const key = field.value.trim()
    use.disabled = true
    const problem = key ? await check(key) : t('Enter a key.')
    use.disabled = false
    if (!dialog.open) return
    if (problem) {
      showRemark('') // screen readers do not announce a text that stays the same
      showRemark(problem)
      field.select()
      return
    }
    if (current()) forget()
    store(key, remember.checked ? local : session)
    dialog.close('yes')
  }
  dialog.showModal()
  field.focus()
  return new Promise(resolve => {
    dialog.onclose = () => {
      field.value = ''
      const entered = dialog.returnValue === 'yes'
      declined = !entered && !current()
      resolve(entered)
    }
  })
}

/**
 * What is wrong with a key, in a sentence; an empty string if nothing is.
 * @param {string} key
 */
async function check(key) {
  if (!/^[!-~]+$/.test(key)) return UNKNOWN_KEY // no header could carry it
  try {
    const response = await fetch('api/v1/agents', { headers: header(key) })
    if (response.ok) return ''
    return response.status === 401
      ? UNKNOWN_KEY
      : t('The server cannot check the key at the moment. Try again in a moment.')
  } catch {
    return t('The server cannot be reached. Try again in a moment.')
  }
}
