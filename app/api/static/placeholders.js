// What is shown in place of turns: the welcome of a new conversation, or why one cannot be shown.

import { el, icon } from './dom.js'
import { LABELS, noticeFor } from './notices.js'
import { plural, t } from './phrases.js'

/** @import { ApiError } from './api.js' */
/** @import { AgentInfo, Named } from './catalog.js' */
/** @import { Words } from './phrases.js' */

/** @typedef {{title: Words, lines: Words[], ideas: string[], agent?: AgentInfo}} Welcome */

const CLOCK_IDEA = 'What time is it in Paris?' // for those that have no tools: the built-in clock
const DEMO_IDEAS = ['markdown', 'count to 20', CLOCK_IDEA, 'reasoning', 'long 2000', 'slow']
const MAX_NAMES = 12 // of tools, members or steps
const MORE = { one: '{count} more', other: '{count} more' }
/** @type {{field: 'members' | 'steps' | 'tools', label: Words, mark: string}[]} */
const LISTS = [
  { field: 'members', label: t('Members'), mark: 'speaker' },
  { field: 'steps', label: t('Steps'), mark: 'step' },
  { field: 'tools', label: t('Tools'), mark: 'tool' },
]

/**
 * What a new conversation begins with: the demonstration, or what the chosen agent is.
 * @param {AgentInfo | undefined} agent
 * @param {boolean} demo whether the demonstration model answers
 * @returns {Welcome}
 */
export function welcomeOf(agent, demo) {
  const suggestions = agent?.suggestions ?? []
  const lists = [agent?.tools, agent?.members, agent?.steps]
  const described = agent?.description || lists.some(list => list?.length)
  const clock = !agent || (/agent|team/.test(agent.kind) && !agent.tools?.length)
  const shown = DEMO_IDEAS.filter(idea => clock || idea !== CLOCK_IDEA)
  if (demo && !suggestions.length && !described) {
    const line = t(
      'The demonstration model answers here. It needs no key, and shows what it can do:',
    )
    return { title: t('See a stream'), lines: [line], ideas: shown }
  }
  return {
    title: (described && agent?.name) || t('What would you like to know?'),
    lines: [agent?.description ?? ''].filter(Boolean),
    ideas: suggestions.length || !demo ? suggestions : shown,
    agent,
  }
}

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
 * @param {Words} label
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
  if (more) shown.push(el('li', {}, plural(more, MORE)))
  return el('div', {}, el('dt', {}, icon(mark), label), el('dd', {}, el('ul', {}, ...shown)))
}

/**
 * Why a conversation cannot be shown.
 * @param {ApiError} error
 * @param {{retry: () => unknown, go: (id: null) => unknown}} actions
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
      button(LABELS.retry, actions.retry),
      button(LABELS.new, () => actions.go(null)),
    ),
  )
}

/**
 * @param {Words} label
 * @param {() => unknown} click
 */
function button(label, click) {
  return el('button', { type: 'button', class: 'quiet', click }, label)
}
