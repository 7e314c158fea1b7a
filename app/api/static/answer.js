// One answer as it is seen: reasoning, tools, text, how it ended, and what can be done with it.

import { copy, el, icon, iconButton } from './dom.js'
import { draw } from './frames.js'
import { StreamedMarkdown } from './markdown.js'
import { CALM, LABELS, noticeFor } from './notices.js'

const STEP = 2000 // characters drawn at a time

export class Answer {
  text = ''
  #drawn = 0
  #thought = null
  #thoughtText = ''
  #thoughtDrawn = 0
  #began = performance.now()
  #tools = new Map()

  /** `acts` has `again()`, `continue()` and `new()`. */
  constructor(acts) {
    this.acts = acts
    this.prose = el('div', { class: 'prose' })
    this.extras = el('div', { class: 'extras' })
    this.ending = el('div', { class: 'ending' })
    this.waiting = el(
      'p',
      { class: 'waiting' },
      el('span', { class: 'dots' }, el('i'), el('i'), el('i')),
      el('span'),
    )
    this.element = el(
      'article',
      { class: 'answer live', 'aria-label': 'Answer' },
      this.extras,
      this.prose,
      this.waiting,
      this.ending,
    )
    this.element.setAttribute('aria-busy', 'true')
    this.markdown = new StreamedMarkdown(this.prose)
  }

  /** What the answer waits for, while there is nothing to show; or for a lost connection. */
  wait(words) {
    this.waiting.lastElementChild.textContent = words
    this.waiting.classList.toggle('told', Boolean(words))
  }

  add(chunk) {
    if (chunk.reasoning) this.#think(chunk.reasoning)
    if (chunk.tool) this.#tool(chunk.tool)
    if (chunk.content) {
      this.#thinkingEnded()
      this.text += chunk.content
      this.element.classList.add('begun')
      draw(this.#draw)
    }
  }

  /** Replace all by a state that the server told; text that only this page has is kept. */
  show({ content, reasoning, tools }) {
    if (!this.text.startsWith(content)) {
      if (!content.startsWith(this.text)) {
        this.markdown.clear()
        this.text = ''
        this.#drawn = 0
      }
      this.add({ content: content.slice(this.text.length) })
    }
    if (reasoning && reasoning.length > this.#thoughtText.length)
      this.#think(reasoning.slice(this.#thoughtText.length))
    for (const tool of tools ?? []) this.#tool(tool)
  }

  /** The answer has ended. `said` are small words on it: the model, tokens, seconds. */
  end(reason, error = null, said = []) {
    this.#thinkingEnded()
    this.element.classList.remove('live')
    draw(this.#draw) // for the last time
    this.waiting.remove()
    const notice = noticeFor(reason, error)
    this.ending.replaceChildren()
    if (notice) this.ending.append(this.#notice(notice, CALM.has(error?.code ?? reason)))
    const button = iconButton('copy', 'Copy the answer', () => copy(this.text, button))
    button.classList.add('copy-answer')
    const again = iconButton('again', 'Answer again', () => this.acts.again())
    this.ending.append(
      el(
        'div',
        { class: 'acts' },
        this.text && button,
        again,
        el('span', { class: 'said' }, said.filter(Boolean).join(' · ')),
      ),
    )
  }

  #draw = () => {
    if (this.#drawn < this.text.length) {
      const end = this.#drawn + STEP
      this.markdown.push(this.text.slice(this.#drawn, end))
      this.#drawn = Math.min(end, this.text.length)
    }
    if (this.#drawn < this.text.length) return true
    if (!this.element.classList.contains('live')) this.element.removeAttribute('aria-busy')
    return false
  }

  #think(text) {
    if (!this.#thought) {
      const words = el('span', {}, 'Thinking …')
      const body = el('div', { class: 'thoughts' })
      this.#thought = { words, body, ended: false }
      this.extras.append(
        el('details', { class: 'extra reasoning' }, el('summary', {}, icon('think'), words), body),
      )
      this.element.classList.add('begun')
    }
    this.#thoughtText += text
    draw(this.#drawThought)
  }

  #drawThought = () => {
    this.#thought.body.append(this.#thoughtText.slice(this.#thoughtDrawn))
    this.#thoughtDrawn = this.#thoughtText.length
    return false
  }

  #thinkingEnded() {
    if (!this.#thought || this.#thought.ended) return
    this.#thought.ended = true
    const seconds = Math.round((performance.now() - this.#began) / 1000)
    this.#thought.words.textContent = seconds > 0 ? `Thought for ${seconds} s` : 'Thought'
  }

  #tool(tool) {
    let parts = this.#tools.get(tool.id)
    if (!parts) {
      parts = {
        name: el('code'),
        state: el('span', { class: 'state' }),
        body: el('div', { class: 'tool-body' }),
      }
      parts.frame = el(
        'details',
        { class: 'extra tool' },
        el('summary', {}, icon('tool'), parts.name, parts.state),
        parts.body,
      )
      this.#tools.set(tool.id, parts)
      this.extras.append(parts.frame)
      this.element.classList.add('begun')
    }
    parts.name.textContent = tool.name
    parts.state.textContent = {
      started: 'running …',
      completed: 'done',
      failed: 'failed',
      paused: 'waits for a person',
    }[tool.status]
    parts.frame.dataset.status = tool.status
    parts.body.replaceChildren(
      ...[
        ['Arguments', tool.arguments && JSON.stringify(tool.arguments, null, 2)],
        ['Result', tool.result],
      ]
        .filter(([, value]) => value != null)
        .flatMap(([name, value]) => [el('p', {}, name), el('pre', { tabindex: 0 }, value)]),
    )
  }

  #notice({ title, advice, detail, actions, wait }, calm) {
    const buttons = actions.map(name =>
      el(
        'button',
        { type: 'button', class: 'quiet', click: () => this.acts[name]() },
        LABELS[name],
      ),
    )
    if (wait) this.#count(buttons[0], Math.ceil(wait))
    return el(
      'div',
      {
        class: calm ? 'notice calm' : 'notice',
        role: 'group',
        'aria-label': 'How the answer ended',
      },
      el('p', {}, el('strong', {}, title), ' ', advice),
      detail && el('p', { class: 'detail' }, detail),
      buttons.length > 0 && el('p', { class: 'buttons' }, ...buttons),
    )
  }

  /** A button that can be pressed when the provider said it may be asked again. */
  #count(button, seconds) {
    if (!button) return
    const label = button.textContent
    button.disabled = seconds > 0
    button.textContent = seconds > 0 ? `${label} in ${seconds} s` : label
    if (seconds <= 0) return
    setTimeout(() => {
      button.textContent = label
      this.#count(button, seconds - 1)
    }, 1000)
  }
}
