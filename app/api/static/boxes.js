// The views of parts beside text: speakers, steps, progress, sources, JSON.

import { el, icon, setText } from './dom.js'
import { t } from './phrases.js'

/** @import { Part } from './chunks.js' */
/** @import { Words } from './phrases.js' */
/** @import { NamedEvent, Step } from './wire.js' */

/** @type {Record<string, Words>} */
const KINDS = {
  member: t('member'),
  step: t('step'),
  agent: t('agent'),
  condition: t('condition'),
  loop: t('loop'),
  parallel: t('parallel'),
  router: t('router'),
  steps: t('steps'),
}

/** What a member, a step or an agent says: a box with its name. */
export class SpeakerView {
  body = el('div', { class: 'parts' })

  /** @param {Part} part */
  constructor({ speaker }) {
    const name = el('b', {}, speaker?.name ?? '')
    const kind = el('span', { class: 'kind' }, KINDS[speaker?.kind ?? ''] ?? speaker?.kind)
    this.element = el(
      'details',
      { class: 'box speaker', open: true },
      el('summary', {}, icon('speaker'), name, kind),
      this.body,
    )
  }

  update() {}
}

/** @type {Record<Step['status'], Words>} */
const STATES = {
  started: t('running …'),
  running: t('running …'),
  completed: t('done'),
  failed: t('failed'),
  paused: t('waits for a person'),
}

/** A step of a workflow: its name and state, what it says, and the steps inside it. */
export class StepView {
  body = el('div', { class: 'parts' })
  #name = el('b')
  #kind = el('span', { class: 'kind' })
  #state = el('span', { class: 'state' })
  #message = el('p', { class: 'message' })
  element = el(
    'details',
    { class: 'box step', open: true },
    el('summary', {}, icon('step'), this.#name, this.#kind, this.#state),
    this.#message,
    this.body,
  )

  /** @param {Part} part */
  update({ step }) {
    if (!step) return
    const { name, kind, status, iteration, message = '' } = step
    setText(this.#name, iteration ? t('Round {iteration}', { iteration }) : name)
    setText(this.#kind, kind === 'step' || iteration ? '' : (KINDS[kind.toLowerCase()] ?? kind))
    setText(this.#state, STATES[status] ?? status)
    this.#message.textContent = message
    this.element.dataset.status = status
    this.element.classList.toggle('empty', !message && !this.body.childElementCount)
  }
}

/** Progress that an application reports: the newest event, and the ones before it when unfolded. */
export class ProgressView {
  #line = el('span', { class: 'preview' })
  #name = el('code')
  #log = el('ol', { class: 'progress-log' })
  element = el(
    'details',
    { class: 'extra progress' },
    el('summary', {}, icon('pulse'), this.#name, this.#line),
    this.#log,
  )
  #shown = 0

  /** @param {Part} part */
  update({ events = [] }) {
    const newest = events[events.length - 1]
    this.#name.textContent = newest.name
    this.#line.textContent = sentence(newest)
    for (; this.#shown < events.length; this.#shown++) {
      const { data } = events[this.#shown]
      this.#log.append(el('li', {}, el('pre', {}, JSON.stringify(data ?? {}, null, 2))))
    }
  }
}

/**
 * The text in an event, if it has one.
 * @param {NamedEvent} event
 */
function sentence({ data = {} }) {
  const { message, content, text, status } = data
  const found = [message, content, text, status].find(value => typeof value === 'string' && value)
  if (found) return String(found)
  const plain = Object.entries(data).filter(([, value]) => typeof value !== 'object')
  return plain.map(([name, value]) => `${name}: ${value}`).join(', ')
}

/** The sources of an answer, numbered. */
export class SourcesView {
  #list = el('ol')
  element = el(
    'section',
    { class: 'sources', 'aria-label': t('Sources') },
    el('h3', {}, t('Sources')),
    this.#list,
  )

  /** @param {Part} part */
  update({ citations = [] }) {
    this.#list.replaceChildren(
      ...citations.map(({ url, title, text, query }) => {
        const name = title || url || query || t('Source')
        const more = { target: '_blank', rel: 'noopener noreferrer nofollow' }
        const safe = url && /^https?:/i.test(url)
        return el(
          'li',
          {},
          safe ? el('a', { href: url, ...more }, name) : el('span', {}, name),
          text && el('p', {}, text),
        )
      }),
    )
  }
}

/** An answer that is an object, as JSON. */
export class OutputView {
  #json = el('pre', { tabindex: 0, role: 'group', 'aria-label': t('The answer as JSON') })
  element = el(
    'div',
    { class: 'code output' },
    el('div', { class: 'code-head' }, 'json'),
    this.#json,
  )

  /** @param {Part} part */
  update({ value }) {
    this.#json.textContent = JSON.stringify(value, null, 2)
  }
}

/** A part of a type that the page does not know, as JSON. */
export class UnknownView {
  #json = el('pre', { tabindex: 0 })
  #name = el('code')
  element = el(
    'details',
    { class: 'extra unknown' },
    el('summary', {}, icon('tool'), this.#name),
    el('div', { class: 'tool-body' }, this.#json),
  )

  /** @param {Part} part */
  update({ type, value }) {
    this.#name.textContent = type
    this.#json.textContent = JSON.stringify(value, null, 2)
  }
}
