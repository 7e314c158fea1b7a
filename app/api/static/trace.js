// The events of one run with their times, and the figures that the stream inspector shows.

import { API, eventsUrl, resumeUrl } from './api.js'
import * as key from './key.js'
import { t } from './phrases.js'

/** @import { Chunk, ChatRequest } from './wire.js' */
/** @import { ConnectionState } from './stream.js' */
/** @import { Words } from './phrases.js' */

const MAX_EVENTS = 5000 // older ones are dropped

/**
 * An event, or a remark of the page on the connection. `at` is in milliseconds since the start.
 * @typedef {object} TracedEvent
 * @property {string} id
 * @property {number} at
 * @property {Words} data
 * @property {boolean} [mark] true for a remark
 */

/** The trace of one run. */
export class Trace {
  /** @type {TracedEvent[]} */
  events = []
  /** @type {number[]} */
  gaps = [] // milliseconds between two chunks of text
  count = 0
  tokens = 0
  /** @type {number | null} */
  first = null // milliseconds from the start to the first chunk of text
  /** @type {number | null} */
  #last = null
  /** @type {ConnectionState | null} */
  #connection = null
  #isWhole

  /**
   * @param {string} runId
   * @param {ChatRequest | null} [request] the body that started the run, if this page sent it
   * @param {number} [startedAt] when this page started it, if it did
   */
  constructor(runId, request = null, startedAt) {
    this.runId = runId
    this.request = request
    this.startedAt = startedAt ?? performance.now()
    this.#isWhole = startedAt !== undefined
  }

  /**
   * Record an event.
   * @param {MessageEvent<string>} event
   * @param {Chunk} chunk
   */
  event({ lastEventId: id, data, timeStamp: now }, chunk) {
    const at = now - this.startedAt
    this.count++
    this.events.push({ id, at, data })
    if (this.events.length > 2 * MAX_EVENTS) this.events.splice(0, MAX_EVENTS)
    if (chunk.content || chunk.reasoning) {
      this.first ??= at
      if (this.#last !== null) this.gaps.push(now - this.#last)
      if (this.gaps.length > 2 * MAX_EVENTS) this.gaps.splice(0, MAX_EVENTS)
      this.#last = now
      this.tokens++
    }
  }

  /**
   * Record a remark on the connection.
   * @param {Words} text
   */
  mark(text) {
    this.events.push({ id: '', at: performance.now() - this.startedAt, data: text, mark: true })
  }

  /**
   * Record a change of the connection.
   * @param {ConnectionState} state
   */
  setConnection(state) {
    if (state === 'open') {
      if (this.#connection && this.#connection !== 'open') this.mark(t('connected again'))
    } else if (this.#connection !== state) {
      const lost = t('connection lost; trying again')
      this.mark(state === 'cut' ? t('connection cut on purpose') : lost)
    }
    this.#connection = state
  }

  /** Seconds since the start; undefined if another page started the run. */
  get seconds() {
    return this.#isWhole ? (performance.now() - this.startedAt) / 1000 : undefined
  }

  /** Chunks of text per second, between the first and the last one. */
  get rate() {
    if (this.#last === null || this.first === null) return null
    const seconds = (this.#last - this.startedAt - this.first) / 1000
    return seconds > 0 ? (this.tokens - 1) / seconds : null
  }

  /** The curl commands that start a run like this one, and read this one. */
  get commands() {
    const { runId, request } = this
    const auth = key.current() ? ' \\\n  -H "Authorization: Bearer $AGNO_STREAM_API_KEY"' : ''
    const url = quotedUrl(resumeUrl(eventsUrl(runId), 0))
    const read = `# read it again, from any event\ncurl -N ${url}${auth}`
    if (!request) return read
    const { background: _, ...body } = request
    const start = [
      `curl -N ${quotedUrl(`${API}/chat`)}${auth}`,
      "-H 'Content-Type: application/json'",
      `-d ${quoted(JSON.stringify(body))}`,
    ]
    return `${start.join(' \\\n  ')}\n\n${read}`
  }
}

/**
 * Quote text for a POSIX shell.
 * @param {string} text
 */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** @param {string} path */
function quotedUrl(path) {
  return quoted(new URL(path, document.baseURI).href)
}
