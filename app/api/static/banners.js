// What the page shows above the conversation: the server is away, the demonstration answers.

import { $, el } from './dom.js'
import { t } from './phrases.js'

/** @import { Words } from './phrases.js' */

/**
 * Show a banner; an empty message removes it.
 * @param {'demo' | 'disconnected' | 'failed' | 'offline'} kind
 * @param {Words} message
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
          'aria-label': t('Dismiss'),
          click: () => showBanner(kind, ''),
        },
        '×',
      ),
    ),
  )
}
