// A question in the page, and what its answer waits for.

import { el } from './dom.js'
import * as key from './key.js'
import { mediaElement } from './media.js'

/** @import { MediaItem } from './wire.js' */

/**
 * A question with its files; null if neither is known.
 * @param {string} question
 * @param {MediaItem[]} media
 */
export function questionElement(question, media) {
  if (!question && !media.length) return null
  return el(
    'div',
    { class: 'question' },
    el('h2', { class: 'unseen' }, 'Question'),
    media.length > 0 && el('div', { class: 'media' }, ...media.map(mediaElement)),
    question ? el('p', {}, question) : null,
  )
}

/** Why the page is not connected. */
export function reconnectStatus() {
  if (key.wasDeclined()) return 'The server requires a key. The answer continues when you enter it.'
  if (navigator.onLine) {
    return 'The server cannot be reached; it may be restarting. Trying again …'
  }
  return 'You are offline. The answer continues when you are connected again.'
}
