// What the page shows above the conversation: the server is away, the demonstration answers.

import { $, el } from './dom.js'
import { NOT_SIGNED_IN } from './key.js'
import { LABELS, meaningOf } from './notices.js'
import { joined, t } from './phrases.js'

/** @import { ApiError } from './api.js' */
/** @import { Words } from './phrases.js' */

const USUAL_PORT = '8000' // another one has to be set again, so that this page finds the server

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

/**
 * Show that the demonstration answers, and how to configure a model; or no longer.
 * @param {boolean} demo
 */
export function showDemo(demo) {
  const message = t(
    'No model is configured, so the demonstration answers. To add one, set this and start again:',
  )
  const { hostname, port } = location
  const moved = ['127.0.0.1', 'localhost'].includes(hostname) && port && port !== USUAL_PORT
  const code = `${moved ? `PORT=${port} ` : ''}OPENAI_API_KEY=… MODEL=openai:gpt-4o-mini`
  showBanner('demo', demo ? message : '', { code })
}

/**
 * Show why the server refuses all requests (401): they have no key, and none is sent until the user
 * enters one; or no user, whom the site around the server knows.
 * @param {ApiError} error
 * @param {{retry: () => unknown, changeKey: () => unknown}} actions
 */
export function showRefusal(error, { retry, changeKey }) {
  /** @type {[Words, Words, () => unknown]} */
  let [message, label, click] = [t('This server requires a key.'), t('Enter the key'), changeKey]
  if (error.code === NOT_SIGNED_IN) {
    const { summary, advice } = meaningOf(NOT_SIGNED_IN)
    ;[message, label, click] = [joined([summary, advice], ' '), LABELS.retry, retry]
  }
  const button = el('button', { type: 'button', class: 'quiet', click }, label)
  showBanner('disconnected', message, { button })
}
