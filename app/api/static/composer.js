// The form in which a question is written, with the choice of agent and model.

import { Attachments } from './attachments.js'
import { $, el } from './dom.js'
import * as embedded from './embedded.js'
import { loadTurnsSoon } from './late.js'
import { t } from './phrases.js'
import * as settings from './settings.js'
import { local } from './storage.js'

/** @import { Attachment } from './attachments.js' */
/** @import { AgentInfo, ModelInfo } from './catalog.js' */

/** @typedef {'queue' | 'interrupt'} OnBusy */

/**
 * What the form does: get `ready` to send, or say why it cannot be; `send` a question, `stop` the
 * answer, return the `last` question, and report that another `agent` is chosen.
 * @typedef {object} ComposerActions
 * @property {() => Promise<boolean>} ready
 * @property {(text: string, more: {attachments: Attachment[], onBusy: OnBusy}) => void} send
 * @property {() => void} stop
 * @property {() => string | undefined} last
 * @property {() => void} agent
 */

/**
 * The agent and model to use; null for the only agent, and for the agent's own model.
 * @typedef {object} Choice
 * @property {string | null} agent
 * @property {string | null} model
 * @property {{temperature?: number, max_tokens?: number}} [options]
 * @property {string} [system] instructions of the person, if the agent takes them
 */

const MAX_HEIGHT = 240 // pixels of the text field

/** The form below the conversation. */
export class Composer {
  /** @type {AgentInfo[]} */
  #agents = []
  /** @type {ModelInfo[]} */
  #models = []

  /** @param {ComposerActions} actions */
  constructor(actions) {
    this.actions = actions
    this.field = $('question')
    this.agent = $('agent')
    this.model = $('model')
    this.busy = false
    this.attachments = new Attachments(() => this.#showBusy())
    $('composer').addEventListener('submit', event => {
      event.preventDefault()
      this.#submit()
    })
    $('stop').addEventListener('click', () => {
      actions.stop()
      this.field.focus()
    })
    $('interrupt').addEventListener('click', () => this.#submit('interrupt'))
    loadTurnsSoon(Boolean(embedded.conversation()))
    this.field.addEventListener('input', () => this.#grow())
    this.field.addEventListener('keydown', event => this.#keydown(event))
    this.agent.addEventListener('change', () => {
      local.setItem('agent', this.agent.value)
      this.#showModels()
      actions.agent()
    })
    this.model.addEventListener('change', () => local.setItem('model', this.model.value))
  }

  /** @param {OnBusy} [onBusy] what happens to an answer that is running */
  async #submit(onBusy = 'queue') {
    if (!(await this.actions.ready())) return // the question stays in the field
    const text = this.field.value.trim()
    if (!text && !this.attachments.size) return
    this.#setText('')
    this.actions.send(text, { attachments: this.attachments.take(), onBusy })
    this.field.focus()
  }

  /** @param {KeyboardEvent} event */
  #keydown(event) {
    if (event.isComposing) return // the Enter that ends a word of an input method sends nothing
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault()
      this.#submit()
    } else if (event.key === 'ArrowUp' && !this.field.value) {
      const last = this.actions.last()
      if (!last) return
      event.preventDefault()
      this.#setText(last)
    }
  }

  /** @param {string} text */
  #setText(text) {
    this.field.value = text
    this.#grow()
  }

  /**
   * While an answer arrives, replace the button that sends with the one that stops.
   * @param {boolean} busy
   */
  setBusy(busy) {
    this.busy = busy
    document.body.classList.toggle('answering', busy)
    const focused = document.activeElement
    $('send').hidden = busy
    $('stop').hidden = !busy
    this.#showBusy()
    if (focused instanceof HTMLElement && focused.hidden) this.field.focus()
  }

  /** While an answer is running and a question is written, show what may happen to the answer. */
  #showBusy() {
    $('busy').hidden = !this.busy || !(this.field.value.trim() || this.attachments.size)
  }

  /**
   * Show the agents and models to choose from.
   * @param {AgentInfo[]} agents
   * @param {ModelInfo[]} models
   */
  showCatalog(agents, models) {
    this.#agents = agents
    this.#models = models
    this.agent.replaceChildren(
      ...agents.map(({ id, name, description }) =>
        el('option', { value: id, title: description }, name || id),
      ),
    )
    select(
      this.agent,
      embedded.agent ?? local.getItem('agent') ?? agents.find(agent => agent.default)?.id ?? null,
    )
    $('pick-agent').hidden = agents.length < 2
    this.#showModels()
  }

  /** @returns {Choice} */
  get choice() {
    return {
      agent: this.#agents.length > 1 ? this.agent.value : null,
      model: this.model.value || null,
      options: settings.options(),
      system: this.chosenAgent?.takes_system ? settings.system() : undefined,
    }
  }

  /** The chosen agent. */
  get chosenAgent() {
    return this.#agents.find(agent => agent.id === this.agent.value)
  }

  #showModels() {
    const own = this.#agents.find(agent => agent.id === this.agent.value)?.model ?? ''
    const others = this.#models.filter(model => model.id !== own)
    this.model.replaceChildren(
      el('option', { value: '' }, own || t('default')),
      ...others.map(({ id, spec }) => el('option', { value: spec }, id)),
    )
    select(this.model, local.getItem('model'))
    $('pick-model').hidden = false
  }

  #grow() {
    this.field.style.height = 'auto'
    this.field.style.height = `${Math.min(this.field.scrollHeight, MAX_HEIGHT)}px`
    this.#showBusy()
  }
}

/**
 * Select an option if it exists.
 * @param {HTMLSelectElement} element
 * @param {string | null} value
 */
function select(element, value) {
  if (value !== null && [...element.options].some(option => option.value === value)) {
    element.value = value
  }
}
