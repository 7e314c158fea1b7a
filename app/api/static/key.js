// The key that a server with keys asks for. It goes into a header and nowhere else: streams, which
// can send no header, have signed addresses.

import { $ } from './dom.js'
import * as memory from './memory.js'

const NAME = 'key'
const UNKNOWN = 'The server does not know this key.'

let asking = null // the promise of the dialog, while it is open
let declined = false

/** The key, or null. Other tabs may have forgotten it, so it is kept in the storage alone. */
export const held = () => sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME)

export const header = (key = held()) => (key ? { Authorization: `Bearer ${key}` } : {})

/** Whether a person closed the dialog: then nothing asks again that no person began. */
export const wasDeclined = () => declined

/** A person has done something that needs a key. */
export function again() {
  declined = false
}

/** Forget the key, and what was asked with it. */
export function forget() {
  keep(null)
  memory.forgetAll()
}

function keep(key, storage = sessionStorage) {
  sessionStorage.removeItem(NAME)
  localStorage.removeItem(NAME)
  if (key) storage.setItem(NAME, key)
}

/** After a request with the key `refused` (or null) was answered 401: whether there is another key
 * to try. Asks for one, and for all requests at once. */
export async function another(refused) {
  if (asking) return asking
  if (held() !== refused) return true
  forget()
  return declined ? false : ask(refused ? `${UNKNOWN} It may have been replaced.` : '')
}

/** Open the dialog; true when a key was given that the server knows. */
export function ask(remark = '') {
  declined = false
  asking ??= show(remark).finally(() => (asking = null))
  return asking
}

function show(remark) {
  const dialog = $('key')
  const [field, remember, use] = ['key-value', 'key-remember', 'key-use'].map($)
  field.value = ''
  remember.checked = localStorage.getItem(NAME) !== null
  $('key-forget').hidden = !held()
  const say = words => {
    $('key-remark').textContent = words
    field.setAttribute('aria-invalid', String(Boolean(words)))
  }
  say(remark)
  dialog.returnValue = ''
  dialog.querySelector('form').onsubmit = async event => {
    if (event.submitter?.value === 'no') return
    event.preventDefault()
    const key = field.value.trim()
    use.disabled = true
    const wrong = key ? await check(key) : 'Enter a key.'
    use.disabled = false
    if (!dialog.open) return
    if (wrong) {
      say('') // the same words again would not be read out again
      say(wrong)
      return field.select()
    }
    if (held()) forget()
    keep(key, remember.checked ? localStorage : sessionStorage)
    dialog.close('yes')
  }
  dialog.showModal()
  field.focus()
  return new Promise(resolve => {
    dialog.onclose = () => {
      field.value = ''
      const given = dialog.returnValue === 'yes'
      declined = !given && !held()
      resolve(given)
    }
  })
}

/** What is wrong with a key, in a sentence; '' if nothing is. */
async function check(key) {
  if (!/^[!-~]+$/.test(key)) return UNKNOWN // no header could carry it
  try {
    const response = await fetch('api/v1/agents', { headers: header(key) })
    if (response.ok) return ''
    return response.status === 401
      ? UNKNOWN
      : 'The server does not answer just now. Try again in a moment.'
  } catch {
    return 'The server cannot be reached. Try again in a moment.'
  }
}
