// What is shown in place of turns: the welcome of a new conversation, or why one cannot be shown.

import { el } from './dom.js'
import { noticeFor } from './notices.js'

/** @import { ApiError } from './api.js' */

/** @typedef {{title: string, lines: string[], ideas: string[]}} Welcome */

/**
 * The welcome of a new conversation.
 * @param {Welcome} content
 * @param {(idea: string) => unknown} send sends an idea as a question
 */
export function welcome({ title, lines, ideas }, send) {
  const buttons = ideas.map(idea => button(idea, () => send(idea)))
  return el(
    'div',
    { class: 'welcome' },
    el('h2', {}, title),
    ...lines.map(line => el('p', {}, line)),
    buttons.length > 0 && el('ul', { class: 'ideas' }, ...buttons.map(item => el('li', {}, item))),
  )
}

/**
 * Why a conversation cannot be shown.
 * @param {ApiError} error
 * @param {{retry: () => unknown, new: () => unknown}} actions
 */
export function failure(error, actions) {
  const notice = noticeFor('error', error)
  return el(
    'div',
    { class: 'welcome', role: 'alert' },
    el('h2', {}, notice?.title),
    el('p', {}, notice?.advice),
    notice?.detail ? el('p', { class: 'detail' }, notice.detail) : null,
    el(
      'p',
      { class: 'buttons' },
      button('Try again', actions.retry),
      button('New conversation', actions.new),
    ),
  )
}

/**
 * @param {string} label
 * @param {() => unknown} click
 */
function button(label, click) {
  return el('button', { type: 'button', class: 'quiet', click }, label)
}
