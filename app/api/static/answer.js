// One answer in the page: reasoning, tools, text, how it ended, and its buttons.

import { copy, el, icon, iconButton } from './dom.js'
import { draw } from './frames.js'
import { StreamedMarkdown } from './markdown.js'
import { CALM, LABELS, noticeFor } from './notices.js'
import { ToolView } from './tool.js'

/** @import { ErrorInfo, ToolCall } from './wire.js' */
/** @import { ApiError } from './api.js' */
/** @import { Action, Notice } from './notices.js' */

/** @typedef {Record<Action, () => unknown>} Actions */

const MAX_STEP = 2000 // characters drawn at a time

/** Draws an answer while it arrives. */
export class Answer {
  text = ''
  #drawn = 0 // characters of the text
  /** @type {{label: HTMLElement, body: HTMLElement, ended: boolean} | null} */
  #reasoning = null
  #reasoningText = ''
  #reasoningDrawn = 0 // characters of the reasoning
  #startedAt = performance.now()
  /** @type {Map<string, ToolView>} */
  #tools = new Map()

  /** @param {Actions} actions what the buttons do */
  constructor(actions) {
    this.actions = actions
    this.prose = el('div', { class: 'prose' })
    this.extras = el('div', { class: 'extras' })
    this.ending = el('div', { class: 'ending' })
    this.statusText = el('span')
    this.waiting = el(
      'p',
      { class: 'waiting' },
      el('span', { class: 'dots' }, el('i'), el('i'), el('i')),
      this.statusText,
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

  /**
   * Show what the answer waits for; an empty string removes it.
   * @param {string} text
   */
  status(text) {
    this.statusText.textContent = text
    this.waiting.classList.toggle('filled', Boolean(text))
  }

  /**
   * Add a chunk.
   * @param {{content?: string, reasoning?: string, tool?: ToolCall}} chunk
   */
  add(chunk) {
    if (chunk.reasoning) this.#addReasoning(chunk.reasoning)
    if (chunk.tool) this.#showTool(chunk.tool)
    if (chunk.content) {
      this.#endReasoning()
      this.text += chunk.content
      this.element.classList.add('begun')
      draw(this.#draw)
    }
  }

  /**
   * Show the state of the run. Text that is only in this page is kept.
   * @param {{content: string, reasoning?: string, tools?: ToolCall[]}} state
   */
  show({ content, reasoning, tools }) {
    if (!this.text.startsWith(content)) {
      if (!content.startsWith(this.text)) {
        this.markdown.clear()
        this.text = ''
        this.#drawn = 0
      }
      this.add({ content: content.slice(this.text.length) })
    }
    if (reasoning && reasoning.length > this.#reasoningText.length) {
      this.#addReasoning(reasoning.slice(this.#reasoningText.length))
    }
    for (const tool of tools ?? []) this.#showTool(tool)
  }

  /**
   * End the answer.
   * @param {string} reason the finish reason
   * @param {ErrorInfo | ApiError | null} [error]
   * @param {(string | false | null | undefined)[]} [facts] the model, tokens, seconds
   */
  end(reason, error = null, facts = []) {
    this.#endReasoning()
    this.element.classList.remove('live')
    draw(this.#draw) // for the last time
    this.waiting.remove()
    const notice = noticeFor(reason, error)
    this.ending.replaceChildren()
    if (notice) this.ending.append(this.#notice(notice, CALM.has(error?.code ?? reason)))
    const copyButton = iconButton('copy', 'Copy the answer', () => copy(this.text, copyButton))
    copyButton.classList.add('copy-answer')
    this.ending.append(
      el(
        'div',
        { class: 'acts' },
        this.text ? copyButton : null,
        iconButton('again', 'Answer again', () => this.actions.retry()),
        el('span', { class: 'facts' }, facts.filter(Boolean).join(' · ')),
      ),
    )
  }

  #draw = () => {
    if (this.#drawn < this.text.length) {
      const end = this.#drawn + MAX_STEP
      this.markdown.push(this.text.slice(this.#drawn, end))
      this.#drawn = Math.min(end, this.text.length)
    }
    if (this.#drawn < this.text.length) return true
    if (!this.element.classList.contains('live')) this.element.removeAttribute('aria-busy')
    return false
  }

  /** @param {string} text */
  #addReasoning(text) {
    if (!this.#reasoning) {
      const label = el('span', {}, 'Thinking …')
      const body = el('div', { class: 'thoughts' })
      this.#reasoning = { label, body, ended: false }
      this.extras.append(
        el('details', { class: 'extra reasoning' }, el('summary', {}, icon('think'), label), body),
      )
      this.element.classList.add('begun')
    }
    this.#reasoningText += text
    draw(this.#drawReasoning)
  }

  #drawReasoning = () => {
    this.#reasoning?.body.append(this.#reasoningText.slice(this.#reasoningDrawn))
    this.#reasoningDrawn = this.#reasoningText.length
    return false
  }

  #endReasoning() {
    if (!this.#reasoning || this.#reasoning.ended) return
    this.#reasoning.ended = true
    const seconds = Math.round((performance.now() - this.#startedAt) / 1000)
    this.#reasoning.label.textContent = seconds > 0 ? `Thought for ${seconds} s` : 'Thought'
  }

  /** @param {ToolCall} call */
  #showTool(call) {
    let view = this.#tools.get(call.id)
    if (!view) {
      view = new ToolView()
      this.#tools.set(call.id, view)
      this.extras.append(view.element)
      this.element.classList.add('begun')
    }
    view.show(call)
  }

  /**
   * @param {Notice} notice
   * @param {boolean} calm
   */
  #notice({ title, advice, detail, actions, wait }, calm) {
    const buttons = actions.map(name =>
      el(
        'button',
        { type: 'button', class: 'quiet', click: () => this.actions[name]() },
        LABELS[name],
      ),
    )
    if (wait && buttons.length > 0) this.#countDown(buttons[0], Math.ceil(wait))
    return el(
      'div',
      {
        class: calm ? 'notice calm' : 'notice',
        role: 'group',
        'aria-label': 'How the answer ended',
      },
      el('p', {}, el('strong', {}, title), ' ', advice),
      detail ? el('p', { class: 'detail' }, detail) : null,
      buttons.length > 0 && el('p', { class: 'buttons' }, ...buttons),
    )
  }

  /**
   * Disable a button for some seconds, because a retry would fail before.
   * @param {HTMLButtonElement} button
   * @param {number} seconds
   */
  #countDown(button, seconds) {
    const label = button.textContent
    button.disabled = seconds > 0
    button.textContent = seconds > 0 ? `${label} in ${seconds} s` : label
    if (seconds <= 0) return
    setTimeout(() => {
      button.textContent = label
      this.#countDown(button, seconds - 1)
    }, 1000)
  }
}
