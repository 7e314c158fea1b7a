// What the page shows above the conversation: the server is away, the demonstration answers.

import { $, el } from './dom.js'

/**
 * Show a banner; an empty message removes it.
 * @param {'demo' | 'disconnected' | 'failed' | 'offline'} kind
 * @param {string} message
 * @param {{code?: string, button?: HTMLElement}} [more]
 */
export function showBanner(kind, message, { code, button } = {}) {
  const banners = $('banner')
  banners.querySelector(`[data-kind=${kind}]`)?.remove()
  if (!message) return
  banners.append(
    el(
      'p',
      { 'data-kind': kind },
      el('span', {}, message, code && ' ', code && el('code', {}, code)),
      button,
      el(
        'button',
        {
          type: 'button',
          class: 'plain',
          'aria-label': 'Dismiss',
          click: () => showBanner(kind, ''),
        },
        '×',
      ),
    ),
  )
}
