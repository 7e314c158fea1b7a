// What is shown in place of turns: the welcome of a new conversation, or why one cannot be shown.

import { el, icon } from './dom.js'
import { noticeFor } from './notices.js'

/** @import { ApiError } from './api.js' */
/** @import { AgentInfo, Named } from './catalog.js' */

/** @typedef {{title: string, lines: string[], ideas: string[], agent?: AgentInfo}} Welcome */

const MAX_NAMES = 12 // of tools, members or steps
/** @type {{field: 'members' | 'steps' | 'tools', label: string, mark: string}[]} */
const LISTS = [
  { field: 'members', label: 'Members', mark: 'speaker' },
  { field: 'steps', label: 'Steps', mark: 'step' },
  { field: 'tools', label: 'Tools', mark: 'tool' },
]

/**
 * The welcome of a new conversation: who answers, and how to begin.
 * @param {Welcome} content
 * @param {(idea: string) => unknown} send sends an idea as a question
 */
export function welcome({ title, lines, ideas, agent }, send) {
  const buttons = ideas.map(idea => button(idea, () => send(idea)))
  const lists = LISTS.map(({ field, label, mark }) => names(label, mark, agent?.[field] ?? []))
  return el(
    'div',
    { class: 'welcome' },
    el('h2', {}, title),
    ...lines.map(line => el('p', {}, line)),
    lists.some(Boolean) && el('dl', { class: 'about' }, ...lists),
    buttons.length > 0 && el('ul', { class: 'ideas' }, ...buttons.map(item => el('li', {}, item))),
  )
}

/**
 * @param {string} label
 * @param {string} mark
 * @param {Named[]} all
 */
function names(label, mark, all) {
  if (!all.length) return null
  const shown = all.slice(0, MAX_NAMES).map(one => {
    const inside = (one.members ?? one.steps ?? []).map(({ name }) => name)
    const name = inside.length ? `${one.name}: ${inside.join(', ')}` : one.name
    return el('li', { title: one.description || null }, name)
  })
  const more = all.length - shown.length
  if (more) shown.push(el('li', {}, `${more} more`))
  return el('div', {}, el('dt', {}, icon(mark), label), el('dd', {}, el('ul', {}, ...shown)))
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
