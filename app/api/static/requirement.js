// One thing that a paused run waits for: what it is, and the inputs of the decision on it.

import { el, setText } from './dom.js'
import { fieldInput, newName, questionInput, textArea } from './inputs.js'
import { around, joined, t } from './phrases.js'

/** @import { Words } from './phrases.js' */
/** @import { Decision, Requirement } from './requirements.js' */

/**
 * The words for a yes and a no, and for both once they are sent.
 * @type {Record<string, {yes: Words, no: Words, did: Words, didNot: Words}>}
 */
const WORDS = {
  approval: { yes: t('Approve'), no: t('Deny'), did: t('Approved'), didNot: t('Denied') },
  step_review: { yes: t('Accept'), no: t('Reject'), did: t('Accepted'), didNot: t('Rejected') },
  step_error: {
    yes: t('Try again'),
    no: t('Do not try again'),
    did: t('Tried again'),
    didNot: t('Given up'),
  },
  other: { yes: t('Give an answer'), no: t('Refuse'), did: t('Answered'), didNot: t('Refused') },
}

/** The argument with which a model describes a form; the form itself is shown. */
const FORM = 'user_input_fields'

/** A requirement as a group of inputs in a form. */
export class RequirementView {
  #wrong = el('p', { class: 'wrong', role: 'alert', id: newName() })
  #note = textArea(t('Reason, for the model (optional)'))
  /** @type {HTMLInputElement[]} a yes and a no */
  #verdict = []
  #denied = false // if the buttons of the card are the yes and the no
  #show = () => {}
  /** @type {(() => Partial<Decision>)} */
  #read = () => ({})
  #inputs = el('div', { class: 'inputs' })

  /**
   * @param {Requirement} requirement
   * @param {boolean} alone whether the card is for nothing else
   */
  constructor(requirement, alone) {
    this.requirement = requirement
    const { kind, member, step, note, tool } = requirement
    this.words = WORDS[kind] ?? WORDS.other
    this.byButtons = alone && kind in WORDS // its yes and its no are buttons, which send
    const who = [member, step].filter(Boolean).join(', ')
    const title = titleOf(requirement)
    this.element = el(
      'fieldset',
      { class: 'requirement', 'data-kind': kind, 'aria-describedby': this.#wrong.id },
      el('legend', {}, ...title),
      who && tool ? el('p', { class: 'hint' }, t('For {who}', { who })) : null,
      note && !title.includes(note) ? el('p', {}, note) : null,
      argumentList(requirement),
      this.#inputs,
      this.#wrong,
    )
    this.#fill()
  }

  /** @returns {Decision} */
  get decision() {
    const { id } = this.requirement
    if (!this.#refused) return { id, ...this.#read() }
    const note = this.#note.area.value.trim()
    return note ? { id, confirmed: false, note } : { id, confirmed: false }
  }

  /** What was decided, as a line. */
  get summary() {
    const { tool, step } = this.requirement
    const note = this.#refused && this.#note.area.value.trim()
    const what = tool?.name ?? step ?? ''
    const did = this.#refused ? this.words.didNot : this.words.did
    return joined([did, ': ', what, note && ` (${note})`], '')
  }

  /**
   * Show why the server does not accept the decision; an empty string removes it.
   * @param {string} problem
   */
  refuse(problem) {
    setText(this.#wrong, problem && t('This decision {problem}.', { problem }))
  }

  /** Put the focus into the group. */
  focus() {
    const input = this.element.querySelector(':is(input, textarea, select):enabled')
    if (input instanceof HTMLElement) input.focus()
  }

  /**
   * Let a person write a reason for the no, or go back to what the yes needs.
   * @param {boolean} denied
   */
  deny(denied) {
    this.#denied = denied
    this.#show()
    if (denied) this.#note.area.focus()
  }

  get #refused() {
    return this.#denied || (this.#verdict[1]?.checked ?? false)
  }

  #fill() {
    const { kind, tool, fields = [], questions = [], output = '' } = this.requirement
    const isVerdict = kind in WORDS
    /** @type {HTMLElement[]} */
    let answer = []
    if (kind === 'step_review') {
      const { element, area } = textArea(t('Output, which may be edited'), { value: output })
      answer = [element]
      this.#read = () =>
        area.value === output ? { confirmed: true } : { confirmed: true, result: area.value }
    } else if (isVerdict) this.#read = () => ({ confirmed: true })
    else if (kind === 'external') {
      const { element, area } = textArea(t('Result'), { required: true })
      answer = [element]
      this.#read = () => ({ result: area.value })
    } else if (kind === 'input') {
      const inputs = fields.map(field => ({ name: field.name, ...fieldInput(field) }))
      answer = inputs.map(({ element }) => element)
      const given = () => inputs.map(({ name, read }) => [name, read()])
      this.#read = () => ({
        values: Object.fromEntries(given().filter(([, value]) => value !== undefined)),
      })
    } else {
      const free = kind === 'feedback'
      const inputs = questions.map(question => ({ question, ...questionInput(question, free) }))
      answer = inputs.map(({ element }) => element)
      const chosen = () => inputs.map(({ question, read }) => [question.question, read()])
      this.#read = () => ({ answers: Object.fromEntries(chosen()) })
    }
    const group = el('fieldset', { class: 'answers' }, ...answer)
    const reason = el('div', { class: 'reason' }, this.#note.element)
    if (!this.byButtons && (isVerdict || tool)) this.#inputs.append(this.#choice(isVerdict))
    this.#inputs.append(group, reason)
    this.#show = () => {
      const accepted = this.#verdict[0]?.checked ?? !this.#denied
      group.hidden = group.disabled = !accepted || !answer.length // what is hidden is not checked
      reason.hidden = !this.#refused
      this.#inputs.hidden = group.hidden && reason.hidden && !this.#verdict.length
    }
    this.element.addEventListener('change', this.#show)
    this.#show()
  }

  /**
   * A yes and a no. Where inputs are the answer, the yes is chosen.
   * @param {boolean} required
   */
  #choice(required) {
    const name = newName()
    this.#verdict = ['yes', 'no'].map(value =>
      el('input', { type: 'radio', name, value, required }),
    )
    this.#verdict[0].checked = !required
    const { yes, no } = this.words
    return el(
      'div',
      { class: 'verdict' },
      ...[yes, no].map((label, at) => el('label', { class: 'tick' }, this.#verdict[at], label)),
    )
  }
}

/**
 * What is to be decided.
 * @param {Requirement} requirement
 * @returns {(Node | Words)[]}
 */
function titleOf({ kind, tool, step, note, questions = [] }) {
  const name = el('code', {}, tool?.name ?? '')
  const named = { step: step ?? '' }
  if (kind === 'approval' && tool) return around(t('May {tool} run?'), name)
  if (kind === 'approval') return [note || t('May the step “{step}” run?', named)]
  if (kind === 'input') {
    if (tool && !tool.arguments?.[FORM]) return around(t('{tool} needs values from you'), name)
    return [note || t('Values are needed from you')]
  }
  if (kind === 'external') {
    return around(t('What is the result of {tool}? It does not run here.'), name)
  }
  if (kind === 'step_review') return [note || t('Is the output of the step “{step}” good?', named)]
  if (kind === 'step_error') {
    return [t('The step “{step}” failed. Shall it be tried again?', named)]
  }
  if (kind === 'choice') return [t('Which way does the step “{step}” go?', named)]
  return [questions.length > 1 ? t('Questions for you') : t('A question for you')]
}

/**
 * The arguments of the tool, by name; none of what the inputs show anyway.
 * @param {Requirement} requirement
 */
function argumentList({ kind, tool, fields = [] }) {
  if (!tool || kind === 'feedback') return null
  const shown = new Set([FORM, ...fields.map(({ name }) => name)])
  const given = Object.entries(tool.arguments ?? {}).filter(
    ([name]) => kind !== 'input' || !shown.has(name),
  )
  if (!given.length) return null
  return el(
    'dl',
    { class: 'arguments', 'aria-label': t('Arguments of {tool}', { tool: tool.name }) },
    ...given.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, plain(value)))),
  )
}

/**
 * A value as a person reads it.
 * @param {unknown} value
 */
function plain(value) {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2)
}
