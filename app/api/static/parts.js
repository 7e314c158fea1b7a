// The parts of an answer in the order in which they came, folded from chunks or from stored parts.
// There is no drawing here: a live answer and a stored one are drawn from the same model. Steps are
// in a row, since neither chunks nor stored parts name the step that another one is in.

import { jsonOf, partsOf } from './chunks.js'

/** @import { Part } from './chunks.js' */
/** @import { Chunk, Citation, MediaItem, NamedEvent, Speaker } from './wire.js' */
/** @import { Step, StoredPart, ToolCall } from './wire.js' */

const ENDED = new Set(['completed', 'failed'])

/** Collects the parts of one answer. */
export class Parts {
  /** @type {Part[]} */
  list = [] // all of them, those within others, too
  /** @type {Map<string, Part>} */
  #known = new Map() // tools, speakers and steps, by their ids
  /** @type {Part[]} */
  #speakers = [] // the newest one of each depth
  /** @type {Map<Part | null, Part>} */
  #last = new Map() // the last part of the answer, and within each speaker or step
  #media = new Set() // ids
  /** @type {string[]} */
  #final = []
  /** @type {string | null} */
  #replaced = null // the text, if it is not in the parts

  /** The text of the answer, without what members and steps have written. */
  get text() {
    if (this.#replaced !== null) return this.#replaced
    const texts = this.list.filter(isText)
    return texts.length === 1 ? (texts[0].content ?? '') : texts.map(part => part.content).join('')
  }

  /**
   * Add a chunk.
   * @param {Partial<Chunk>} chunk
   * @returns {Part[]} the parts that are new or have changed
   */
  addChunk(chunk) {
    if (chunk.final) this.#final.push(chunk.final)
    return partsOf(chunk).flatMap(part => this.#add(part))
  }

  /**
   * Add a part as the server stores it. A stored tool call or step is in its last state, so that a
   * second one of the same id is another one.
   * @param {StoredPart} part
   */
  addStored(part) {
    this.#add(part, true)
  }

  /**
   * End the answer: a `final` text is drawn in place of what was streamed, and a text that is JSON
   * as an object.
   * @param {unknown} [output]
   * @returns {boolean} whether parts were removed or replaced
   */
  end(output) {
    const final = this.#final.join('')
    this.#final = []
    const { text } = this
    if (final && final !== text)
      this.#replaceText({ type: 'content', content: final, within: null })
    const value = jsonOf(this.text)
    if (value === undefined && output == null) return this.text !== text
    this.#replaced = this.text
    const part = { type: 'output', value: value ?? output, within: null }
    if (value === undefined) this.#append(part)
    else this.#replaceText(part)
    return true
  }

  /**
   * Replace all parts by those of the state of the run.
   * @param {StoredPart[]} parts
   */
  replace(parts) {
    this.list = []
    this.#known.clear()
    this.#speakers = []
    this.#last.clear()
    this.#media.clear()
    this.#final = []
    this.#replaced = null
    for (const part of parts) this.addStored(part)
  }

  /**
   * Put a part in the place of the last text, and remove all text.
   * @param {Part} part
   */
  #replaceText(part) {
    const place = this.list.findLastIndex(isText)
    if (place < 0) this.list.push(part)
    else this.list[place] = part
    this.list = this.list.filter(other => !isText(other) || other === part)
  }

  /**
   * @param {StoredPart} part
   * @param {boolean} [stored]
   * @returns {Part[]} the parts that are new or have changed
   */
  #add(part, stored = false) {
    const { type, speaker } = part
    const within = speaker ? this.#speaker(speaker) : null
    if (type === 'said' && part.said) {
      return partsOf(part.said).flatMap(part => this.#add({ ...part, speaker }, stored))
    }
    if (type === 'content' || type === 'reasoning') {
      return part[type] ? [this.#text(type, part[type], within)] : []
    }
    if (type === 'tool' && part.tool) return [this.#tool(part.tool, within, stored)]
    if (type === 'step' && part.step) return [this.#step(part.step, stored)]
    if (type === 'media' && part.media) return this.#items(part.media, within)
    if (type === 'event' && part.event) return [this.#event(part.event, within)]
    if (type === 'citations' && part.citations) return [this.#citations(part.citations)]
    return [this.#append({ type, value: part[type] ?? part, within })]
  }

  /**
   * @param {Part} part
   * @returns {Part}
   */
  #append(part) {
    this.list.push(part)
    this.#last.set(part.within, part)
    return part
  }

  /**
   * @param {'content' | 'reasoning'} type
   * @param {string} text
   * @param {Part | null} within
   */
  #text(type, text, within) {
    const last = this.#last.get(within)
    if (last?.type !== type) return this.#append({ type, [type]: text, within })
    last[type] += text
    return last
  }

  /**
   * @param {ToolCall} tool
   * @param {Part | null} within
   * @param {boolean} stored
   */
  #tool(tool, within, stored) {
    const key = `tool ${tool.id} ${keyOf(within?.speaker)}`
    const known = this.#known.get(key)
    if (known?.tool && !stored && !(tool.status === 'started' && ENDED.has(known.tool.status))) {
      known.tool = { ...known.tool, ...tool }
      return known
    }
    const part = this.#append({ type: 'tool', tool, within })
    this.#known.set(key, part)
    return part
  }

  /**
   * @param {MediaItem[]} items
   * @param {Part | null} within
   */
  #items(items, within) {
    const media = items.filter(({ id }) => !this.#media.has(id))
    for (const { id } of media) this.#media.add(id)
    return media.length ? [this.#append({ type: 'media', media, within })] : []
  }

  /**
   * @param {NamedEvent} event
   * @param {Part | null} within
   */
  #event(event, within) {
    const last = this.#last.get(within)
    if (last?.type !== 'event' || !last.events || last.events[0].name !== event.name) {
      return this.#append({ type: 'event', events: [event], within })
    }
    last.events.push(event)
    return last
  }

  /** @param {Citation[]} citations */
  #citations(citations) {
    const last = this.#last.get(null)
    if (last?.type !== 'citations') {
      return this.#append({ type: 'citations', citations, within: null })
    }
    last.citations = [...(last.citations ?? []), ...citations]
    return last
  }

  /**
   * The part of a speaker. The text of a step is in the part of the step; a speaker that another
   * one has called is in that one.
   * @param {Speaker} speaker
   * @returns {Part}
   */
  #speaker(speaker) {
    const key = `speaker ${keyOf(speaker)}`
    const step = speaker.kind === 'step' ? this.#known.get(`step ${speaker.id} `) : undefined
    const known = this.#known.get(key) ?? (speaker.run_id ? undefined : step)
    if (known) return known
    const depth = speaker.depth ?? 1
    const within = this.#speakers[depth - 1] ?? null
    const part = step ?? this.#append({ type: 'speaker', speaker, within })
    this.#known.set(key, part)
    this.#speakers[depth] = part
    this.#speakers.length = depth + 1
    return part
  }

  /**
   * A step that begins again, as in a loop, is a part of its own. A failed step stays failed, even
   * if Agno calls it completed later, because the workflow goes on.
   * @param {Step} step
   * @param {boolean} stored
   * @returns {Part}
   */
  #step(step, stored) {
    const key = `step ${step.id} ${step.iteration ?? ''}`
    const known = this.#known.get(key)
    if (known?.step && !stored && !(step.status === 'started' && ENDED.has(known.step.status))) {
      if (known.step.status !== 'failed') known.step = { ...known.step, ...step }
      return known
    }
    const part = this.#append({ type: 'step', step, within: null })
    this.#known.set(key, part)
    this.#speakers = []
    return part
  }
}

/** @param {Part} part */
function isText(part) {
  return part.type === 'content' && !part.within
}

/** @param {Speaker | undefined} speaker */
function keyOf(speaker) {
  return speaker ? `${speaker.id} ${speaker.run_id ?? ''}` : ''
}
