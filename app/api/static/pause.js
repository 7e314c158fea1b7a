// A card for what a paused run waits for: a form with a group for each requirement. If it is one,
// and a yes or a no decides it, these are the buttons; else there is one that sends all decisions.
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

const GONE = t('Nothing can be decided here until the server has that agent again.')

const UNREACHABLE = t('The server could not be reached. Your decision is kept here; send it again.')

/** What a paused run waits for, to be decided. */
export class Pause {
  #key = api.newId()
  #sent = ''
  #sending = false
  #denied = false

  /**
   * @param {string} runId
   * @param {Requirement[]} requirements
   * @param {PauseActions} actions
   * @param {string} [missing] the agent of the run, if the server does not have it any more
   */
  constructor(runId, requirements, actions, missing) {
    this.runId = runId
    this.actions = actions
    this.views = requirements.map(one => new RequirementView(one, requirements.length === 1))
    this.problem = el('p', { class: 'wrong', role: 'alert' })
    this.button = el('button', { type: 'submit', class: 'primary' })
    this.turn = el('button', { type: 'button', class: 'quiet', click: () => this.#deny() })
    this.buttons = el('p', { class: 'buttons' })
    const label = t('This answer waits for your decision')
    const group = el(
      'div', // a group and no landmark, since there may be several
      { role: 'group', 'aria-label': label },
      el('p', { class: 'pause-title' }, label),
      ...this.views.map(view => view.element),
      this.problem,
      this.buttons,
    )
    this.form = el('form', { class: 'pause' }, group)
    if (missing) this.#gone(missing)
    else this.buttons.append(this.button, this.turn)
    this.#nameButtons()
    this.form.addEventListener('submit', event => {
      event.preventDefault()
      this.#send()
    })
    this.element = el('div', {}, this.form)
  }

  /**
   * Name the buttons: a yes and a no, if they decide all, else one that sends the decisions. A no
   * is sent by a second click, beside the reason for it.
   */
  #nameButtons() {
    const [{ byButtons, words }] = this.views
    setText(this.button, byButtons ? (this.#denied ? words.no : words.yes) : t('Send'))
    setText(this.turn, this.#denied ? t('Back') : words.no)
    this.button.className = this.#denied ? 'danger' : 'primary'
    this.turn.hidden = !byButtons
  }

  /** Go on to the reason for a no, or back; the button that was clicked keeps the focus then. */
  #deny() {
    if (this.#sending) return
    this.#denied = !this.#denied
    this.#nameButtons()
    this.views[0].deny(this.#denied)
  }

  /**
   * Show that nobody can decide, because the agent is not there.
   * @param {string} agent
   */
  #gone(agent) {
    for (const { element } of this.views) element.disabled = true
    const gone = t('This server has no agent “{agent}” any more.', { agent })
    this.buttons.before(el('p', { class: 'gone' }, el('strong', {}, gone), ' ', GONE))
    this.buttons.append(this.#reload())
  }

  #reload() {
    return el(
      'button',
      { type: 'button', class: 'quiet', click: () => this.actions.reload() },
      t('Reload the conversation'),
    )
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
    const again = this.#reload()
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
