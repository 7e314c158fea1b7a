// Where a question is written, and whom it is put to.

import { $, el } from './dom.js'

export class Composer {
  #agents = []
  #models = []

  /** `house` has `ask(text)`, `stop()` and `last()`, the question before. */
  constructor(house) {
    this.field = $('question')
    this.agent = $('agent')
    this.model = $('model')
    this.busy = false
    const submit = () => {
      const text = this.field.value.trim()
      if (!text || this.busy) return
      this.set('')
      house.ask(text)
    }
    $('composer').addEventListener('submit', event => {
      event.preventDefault()
      submit()
    })
    $('stop').addEventListener('click', () => {
      house.stop()
      this.field.focus()
    })
    this.field.addEventListener('input', () => this.#grow())
    this.field.addEventListener('keydown', event => {
      if (event.isComposing) return // the Enter that ends a word of Japanese sends nothing
      if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
        event.preventDefault()
        submit()
      } else if (event.key === 'ArrowUp' && !this.field.value && house.last()) {
        event.preventDefault()
        this.set(house.last())
      }
    })
    this.agent.addEventListener('change', () => {
      localStorage.setItem('agent', this.agent.value)
      this.#offerModels()
    })
    this.model.addEventListener('change', () => localStorage.setItem('model', this.model.value))
  }

  set(text) {
    this.field.value = text
    this.#grow()
  }

  /** While an answer comes the button that sends is the one that stops. */
  answering(busy) {
    this.busy = busy
    const focused = document.activeElement
    $('send').hidden = busy
    $('stop').hidden = !busy
    if (focused?.hidden) this.field.focus()
  }

  offer(agents, models) {
    this.#agents = agents
    this.#models = models
    this.agent.replaceChildren(
      ...agents.map(({ id, name, description }) =>
        el('option', { value: id, title: description }, name || id),
      ),
    )
    choose(this.agent, localStorage.getItem('agent') ?? agents.find(agent => agent.default)?.id)
    $('pick-agent').hidden = agents.length < 2
    this.#offerModels()
  }

  /** The agent and model that were chosen; an agent's own model needs no name. */
  get chosen() {
    return {
      agent: this.#agents.length > 1 ? this.agent.value : null,
      model: this.model.value || null,
    }
  }

  #offerModels() {
    const own = this.#agents.find(agent => agent.id === this.agent.value)?.model ?? ''
    const others = this.#models.filter(model => model.id !== own)
    this.model.replaceChildren(
      el('option', { value: '' }, own || 'default'),
      ...others.map(({ id, spec }) => el('option', { value: spec }, id)),
    )
    choose(this.model, localStorage.getItem('model'))
    $('pick-model').hidden = false
  }

  #grow() {
    this.field.style.height = 'auto'
    this.field.style.height = `${Math.min(this.field.scrollHeight, 240)}px`
  }
}

function choose(select, value) {
  if ([...select.options].some(option => option.value === value)) select.value = value
}
