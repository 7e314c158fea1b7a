// Draws the parts of an answer, each in a view of its own, in the order in which they came.

import {
  OutputView,
  ProgressView,
  SourcesView,
  SpeakerView,
  StepView,
  UnknownView,
} from './boxes.js'
import { el, icon, setText } from './dom.js'
import { draw } from './frames.js'
import { StreamedMarkdown } from './markdown.js'
import { MediaView } from './media.js'
import { t } from './phrases.js'
import { ToolView } from './tool.js'

/** @import { Part } from './chunks.js' */

/**
 * The view of a part. `body` holds the parts within it.
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {HTMLElement} [body]
 * @property {(part: Part) => void} update
 * @property {() => void} [end] another part follows, or the answer has ended
 */

const MAX_STEP = 2000 // characters drawn at a time

/** Draws parts into `element`. */
export class PartsView {
  element = el('div', { class: 'parts' })
  /** @type {Map<Part, View>} */
  #views = new Map()
  /** @type {Map<HTMLElement, View>} */
  #newest = new Map()
  #drawing = new Set() // texts that are not drawn to their ends

  /** @param {() => void} drawn called whenever all text has been drawn */
  constructor(drawn) {
    this.drawn = drawn
  }

  /** Whether all text is drawn. */
  get complete() {
    return this.#drawing.size === 0
  }

  /**
   * Show a part that is new or has changed.
   * @param {Part} part
   */
  show(part) {
    this.#view(part).update(part)
  }

  /**
   * Draw these parts alone.
   * @param {Part[]} parts
   */
  replace(parts) {
    for (const [part, view] of this.#views) {
      if (parts.includes(part)) continue
      view.element.remove()
      this.#views.delete(part)
      this.#track(view, true)
    }
    for (const part of parts) {
      this.show(part)
      this.#host(part).append(this.#view(part).element)
    }
  }

  /** The answer has ended. */
  end() {
    for (const view of this.#views.values()) view.end?.()
  }

  /**
   * @param {Part} part
   * @returns {View}
   */
  #view(part) {
    const known = this.#views.get(part)
    if (known) return known
    const View = VIEWS[part.type] ?? UnknownView
    const view = new View(part, this.#track)
    const host = this.#host(part)
    this.#newest.get(host)?.end?.()
    this.#newest.set(host, view)
    this.#views.set(part, view)
    host.append(view.element)
    if (part.within) this.show(part.within)
    return view
  }

  /**
   * @param {Part} part
   * @returns {HTMLElement}
   */
  #host({ within }) {
    return (within && this.#view(within).body) || this.element
  }

  /**
   * @param {object} view
   * @param {boolean} complete
   */
  #track = (view, complete) => {
    if (!complete) this.#drawing.add(view)
    else if (this.#drawing.delete(view) && this.complete) this.drawn()
  }
}

/** Text, as Markdown. */
class TextView {
  element = el('div', { class: 'prose' })
  #markdown = new StreamedMarkdown(this.element)
  #text = ''
  #drawn = 0 // characters
  #ended = false

  /**
   * @param {Part} _
   * @param {Track} track
   */
  constructor(_, track) {
    this.track = track
  }

  /** @param {Part} part */
  update({ content = '' }) {
    this.#text = content
    this.#ended = false
    this.track(this, false)
    draw(this.#draw)
  }

  end() {
    this.#ended = true
    if (this.#drawn === this.#text.length) this.#markdown.end()
  }

  #draw = () => {
    const end = Math.min(this.#drawn + MAX_STEP, this.#text.length)
    if (end > this.#drawn) this.#markdown.push(this.#text.slice(this.#drawn, end))
    this.#drawn = end
    if (end < this.#text.length) return true
    if (this.#ended) this.#markdown.end()
    this.track(this, true)
    return false
  }
}

/** Reasoning, folded. */
class ReasoningView {
  #label = el('span', {}, t('Thinking …'))
  #body = el('div', { class: 'thoughts' })
  element = el(
    'details',
    { class: 'extra reasoning' },
    el('summary', {}, icon('think'), this.#label),
    this.#body,
  )
  #text = ''
  #drawn = 0
  #startedAt = performance.now()
  #updatedAt = 0

  /** @param {Part} part */
  update({ reasoning = '' }) {
    this.#text = reasoning
    this.#updatedAt = performance.now()
    draw(this.#draw)
  }

  end() {
    const seconds = Math.round((this.#updatedAt - this.#startedAt) / 1000)
    setText(this.#label, seconds > 0 ? t('Thought for {seconds} s', { seconds }) : t('Thought'))
  }

  #draw = () => {
    this.#body.append(this.#text.slice(this.#drawn))
    this.#drawn = this.#text.length
    return false
  }
}

/** @typedef {(view: object, complete: boolean) => void} Track */
/** @type {Record<string, new (part: Part, track: Track) => View>} */
const VIEWS = {
  content: TextView,
  reasoning: ReasoningView,
  tool: ToolView,
  speaker: SpeakerView,
  step: StepView,
  media: MediaView,
  event: ProgressView,
  citations: SourcesView,
  output: OutputView,
}
