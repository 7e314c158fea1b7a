// The page in a frame of another page, as `embed.js` shows it: one agent, without the list of
// conversations.

import { $, iconButton } from './dom.js'
import * as key from './key.js'
import { t } from './phrases.js'

const PATIENCE = 3000 // milliseconds for the page around the frame to send a key

const parameters = () => new URLSearchParams(location.search)

/** Whether this is the page for a frame. */
export const active = location.pathname.endsWith('/embed')

/** The agent that the address names. */
export const agent = parameters().get('agent')

/**
 * The relative address of a conversation, or of a new one, on this page.
 * @param {string | null} conversation
 */
export function urlOf(conversation) {
  const kept = parameters()
  if (conversation) kept.set('c', conversation)
  else kept.delete('c')
  return kept.size ? `?${kept}` : location.pathname
}

/**
 * Write the address of a conversation into the address bar. In a frame it adds nothing to the
 * history, whose buttons belong to the page around it, which remembers the conversation.
 * @param {string | null} conversation
 */
export function pushUrl(conversation) {
  if (!active) {
    history.pushState(null, '', urlOf(conversation))
    return
  }
  history.replaceState(null, '', urlOf(conversation))
  send({ conversation })
}

/** The conversation of the address. */
export function conversation() {
  return parameters().get('c')
}

/** Whether the page around the frame remembered the conversation, perhaps for another user. */
export function remembered() {
  return active && parameters().has('remembered')
}

/** Change the page into one for a frame, if it is in one, and wait for the visitor's key. */
export async function install() {
  if (!active) return
  document.body.classList.add('embedded')
  const close = iconButton('close', t('Close the chat'), () => send('close'))
  document.querySelector('.top')?.append($('new'), close)
  close.hidden = parent === window
  document.addEventListener('keydown', event => {
    const used = event.defaultPrevented || document.querySelector('dialog[open]')
    if (event.key === 'Escape' && !used && $('stop').hidden) send('close')
  })
  if (parameters().get('key') === 'page') await receiveKey()
}

/**
 * Send a message to the page around the frame.
 * @param {'close' | 'key' | {conversation: string | null}} message
 */
function send(message) {
  parent.postMessage({ agnoStream: message }, '*')
}

/** @returns {Promise<void>} */
function receiveKey() {
  return new Promise(resolve => {
    setTimeout(resolve, PATIENCE)
    addEventListener('message', event => {
      if (event.source !== parent || typeof event.data?.agnoStreamKey !== 'string') return
      key.use(event.data.agnoStreamKey)
      resolve()
    })
    send('key')
  })
}
