// Reads the stream of a run with the browser's EventSource, and resumes after the last event.
// See docs/decisions/041-an-event-source-is-closed-when-it-is-too-fast.md.
// See docs/decisions/042-a-refused-event-source-asks-for-the-state.md.

import * as api from './api.js'
import { draw } from './frames.js'

/** @import { Chunk, RunState } from './wire.js' */

/** @typedef {'open' | 'waiting' | 'cut' | 'none'} ConnectionState */

/**
 * What a `RunReader` reports. `snapshot` gets the state of the run if its events are not available;
 * `lost` gets the error if neither are.
 * @typedef {object} Listener
 * @property {(chunk: Chunk, event: MessageEvent<string>) => void} chunk
 * @property {(state: RunState) => void} snapshot
 * @property {(state: ConnectionState) => void} connection
 * @property {(error: api.ApiError) => void} lost
 */

const RETRY_DELAYS = [200, 500, 1000, 2000, 4000] // milliseconds before each reconnect
const MAX_QUEUE = 1000 // unread events; with more, the connection is closed until they are read
const MAX_SILENCE = 12_000 // milliseconds; then a page that becomes visible reconnects
const EVENTS_PER_STEP = 50

/** Follows one run to its end, across lost connections. */
export class RunReader {
  /** @type {EventSource | null} */
  #source = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer
  #failures = 0
  /** @type {MessageEvent<string>[]} */
  #queue = [] // events that are not read yet, because thousands may arrive at once
  #read = 0 // events of the queue that are read
  /** @type {string | null} */
  #lastEventId = null
  #lastEventAt = 0
  #closed = false
  #full = false
  #after = 0 // the number of the last event
  #renewed = false // the address is new, and has not opened the stream yet

  /**
   * @param {string} runId
   * @param {string} url the address of the stream
   * @param {Listener} listener
   */
  constructor(runId, url, listener) {
    this.runId = runId
    this.url = url
    this.listener = listener
    document.addEventListener('visibilitychange', this.#checkConnection)
    addEventListener('online', this.#checkConnection)
    addEventListener('pageshow', this.#checkConnection)
    this.#open()
  }

  /** Stop reading. */
  close() {
    this.#closed = true
    this.#queue = []
    this.#disconnect()
    document.removeEventListener('visibilitychange', this.#checkConnection)
    removeEventListener('online', this.#checkConnection)
    removeEventListener('pageshow', this.#checkConnection)
  }

  /**
   * Cut the connection on purpose, and reconnect later.
   * @param {number} [milliseconds]
   */
  cut(milliseconds = 1500) {
    if (this.#closed) return
    this.#disconnect()
    this.listener.connection('cut')
    this.#timer = setTimeout(() => this.#open(), milliseconds)
  }

  /** Read the run again, from its beginning. */
  restart() {
    this.#queue = []
    this.#read = 0
    this.#lastEventId = null
    this.#after = 0
    if (!this.#closed) this.#open()
  }

  #disconnect() {
    clearTimeout(this.#timer)
    this.#source?.close()
    this.#source = null
  }

  #open() {
    this.#disconnect()
    this.#full = false
    this.#lastEventAt = performance.now()
    if (this.#lastEventId !== null) this.#after = eventNumber(this.#lastEventId)
    const source = new EventSource(api.resumeUrl(this.url, this.#after))
    this.#source = source
    source.onopen = () => {
      this.#renewed = false
      this.listener.connection('open')
    }
    source.onmessage = event => this.#message(event)
    source.onerror = () => {
      const refused = source.readyState === EventSource.CLOSED
      this.#disconnect()
      if (refused) this.#findCause()
      else this.#openLater()
    }
  }

  /**
   * Only queue the event; it is parsed in a frame. An EventSource has no flow control, and too many
   * events freeze the page, so the connection is closed and opened again later.
   * @param {MessageEvent<string>} event
   */
  #message(event) {
    this.#failures = 0
    this.#lastEventAt = event.timeStamp
    this.#lastEventId = event.lastEventId
    this.#queue.push(event)
    if (event.data.includes('"done":true') && JSON.parse(event.data).done) this.#disconnect()
    else if (this.#queue.length - this.#read > MAX_QUEUE) {
      this.#full = true
      this.#disconnect()
    }
    draw(this.#readQueue)
  }

  #readQueue = () => {
    for (let step = 0; step < EVENTS_PER_STEP && this.#read < this.#queue.length; step++) {
      const event = this.#queue[this.#read++]
      /** @type {Chunk} */
      const chunk = JSON.parse(event.data)
      if (chunk.done) this.close()
      this.listener.chunk(chunk, event)
    }
    if (this.#read < this.#queue.length) return !this.#closed
    this.#queue = []
    this.#read = 0
    if (this.#full && !this.#closed) this.#open()
    return false
  }

  #openLater() {
    if (this.#closed) return
    this.listener.connection('waiting')
    const delay = RETRY_DELAYS[Math.min(this.#failures++, RETRY_DELAYS.length - 1)]
    this.#timer = setTimeout(() => this.#open(), delay)
  }

  /**
   * Find out why the stream was refused, which an EventSource does not report. A signed address may
   * have expired, so a new one is tried first. If it is refused too, the state of the run is read.
   */
  async #findCause() {
    let state
    try {
      if (this.url.includes('token=') && !this.#renewed) {
        this.url = await api.signedStreamUrl(this.runId)
        this.#renewed = true
        if (!this.#closed) this.#open()
        return
      }
      state = await api.getRun(this.runId)
    } catch (caught) {
      const error = /** @type {api.ApiError} */ (caught)
      if (this.#closed) return
      if ([0, 401, 429].includes(error.status) || error.status >= 500) return this.#openLater()
      this.close()
      return this.listener.lost(error)
    }
    if (this.#closed) return
    if (state.finish_reason) this.close()
    this.#queue = [] // the state includes these events
    this.#read = 0
    this.#lastEventId = state.last_event_id
    this.listener.snapshot(state)
    this.#openLater()
  }

  // A phone that slept may hold a dead connection without an error.
  #checkConnection = () => {
    if (document.hidden || this.#closed) return
    if (!this.#source || performance.now() - this.#lastEventAt > MAX_SILENCE) this.#open()
  }
}

/**
 * The number in an event id.
 * @param {string} id
 */
export function eventNumber(id) {
  return Number(id.slice(id.lastIndexOf(':') + 1))
}
