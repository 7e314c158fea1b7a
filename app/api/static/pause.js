// A card for what a paused run waits for: a form with a group for each requirement.
// See docs/decisions/059-a-paused-run-ends-and-another-continues-it.md.

import * as api from './api.js'
import { el, setText } from './dom.js'
import { meaningOf } from './notices.js'
import { t } from './phrases.js'
import { RequirementView } from './requirement.js'

/** @import { Requirement } from './requirements.js' */
/** @import { RunStarted } from './wire.js' */

/**
 * What a card does: a run continues the paused one, or the conversation has to be read again.
 * @typedef {{continued: (run: RunStarted) => unknown, reload: () => unknown}} PauseActions
 */

/** Errors after which nothing can be decided here any more. */
const OVER = new Set(['not_paused', 'pause_lost', 'unknown_run'])

const UNREACHABLE = t('The server could not be reached. Your decision is kept here; send it again.')

/** What a paused run waits for, to be decided. */
export class Pause {
  #key = api.newId()
  #sent = ''
  #sending = false

  /**
   * @param {string} runId
   * @param {Requirement[]} requirements
   * @param {PauseActions} actions
   */
  constructor(runId, requirements, actions) {
    this.runId = runId
    this.actions = actions
    this.views = requirements.map(one => new RequirementView(one))
    this.problem = el('p', { class: 'wrong', role: 'alert' })
    this.button = el('button', { type: 'submit', class: 'primary' }, t('Send'))
    const label = t('This answer waits for your decision')
    const group = el(
      'div', // a group and no landmark, since there may be several
      { role: 'group', 'aria-label': label },
      el('p', { class: 'pause-title' }, label),
      ...this.views.map(view => view.element),
      this.problem,
      el('p', { class: 'buttons' }, this.button),
    )
    this.form = el('form', { class: 'pause' }, group)
    this.form.addEventListener('submit', event => {
      event.preventDefault()
      this.#send()
    })
    this.element = el('div', {}, this.form)
  }

  async #send() {
    if (this.#sending) return
    this.#sending = true // a disabled button would lose the focus
    this.problem.textContent = ''
    for (const view of this.views) view.refuse('')
    const decisions = this.views.map(view => view.decision)
    const sent = JSON.stringify(decisions)
    if (sent !== this.#sent) this.#key = api.newId() // the same decisions may be sent again
    this.#sent = sent
    try {
      const run = await api.continueRun(this.runId, decisions, this.#key)
      this.#settle()
      this.actions.continued(run)
    } catch (error) {
      this.#refused(/** @type {api.ApiError} */ (error))
    }
    this.#sending = false
  }

  /** Show what was decided in place of the form. */
  #settle() {
    const lines = this.views.map(view => el('li', {}, view.summary))
    const list = el(
      'ul',
      { class: 'decided', tabindex: -1, 'aria-label': t('Decisions') },
      ...lines,
    )
    const focused = this.element.contains(document.activeElement)
    this.element.replaceChildren(list)
    if (focused) list.focus({ preventScroll: true })
  }

  /** @param {api.ApiError} error */
  #refused(error) {
    if (OVER.has(error.code)) return this.#over(error)
    const problems = error.decisions ?? {}
    const wrong = this.views.filter(({ requirement }) => problems[requirement.id])
    for (const view of wrong) view.refuse(problems[view.requirement.id])
    if (wrong.length) return wrong[0].focus()
    const { status, message } = error
    const refused = t('The decision was not accepted: {message}', { message })
    setText(this.problem, status ? refused : UNREACHABLE)
    this.button.focus()
  }

  /** @param {api.ApiError} error */
  #over({ code }) {
    const elsewhere = code === 'not_paused'
    const { summary, advice } = meaningOf(code)
    const again = el(
      'button',
      { type: 'button', class: 'quiet', click: () => this.actions.reload() },
      t('Reload the conversation'),
    )
    this.element.replaceChildren(
      el(
        'div',
        { class: 'notice calm', role: 'group', 'aria-label': t('Why this cannot be decided') },
        el(
          'p',
          { role: 'status' },
          el('strong', {}, elsewhere ? t('This was decided elsewhere.') : summary),
          ' ',
          elsewhere ? t('Reload to see how the answer went on.') : advice,
        ),
        el('p', { class: 'buttons' }, again),
      ),
    )
    again.focus({ preventScroll: true })
  }
}
