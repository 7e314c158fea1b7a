// Reads a run by the browser's own EventSource, and goes on after the last event it saw.

import * as api from './api.js'

const PAUSES = [200, 500, 1000, 2000, 4000] // milliseconds before each new attempt
const SILENCE = 12_000 // then a connection is doubted when the page is looked at again

export class RunReader {
  #source = null
  #timer = null
  #failures = 0
  #heardAt = 0
  #closed = false

  /** `heard` has `chunk(chunk, id, size)`, `snapshot(state)` for what events can no longer tell,
   * `connection('open' | 'waiting' | 'cut')` and `lost(error)`. */
  constructor(runId, heard) {
    this.runId = runId
    this.after = 0
    this.heard = heard
    document.addEventListener('visibilitychange', this.#doubt)
    addEventListener('online', this.#doubt)
    addEventListener('pageshow', this.#doubt)
    this.#open()
  }

  close() {
    this.#closed = true
    this.#hangUp()
    document.removeEventListener('visibilitychange', this.#doubt)
    removeEventListener('online', this.#doubt)
    removeEventListener('pageshow', this.#doubt)
  }

  /** Lose the connection on purpose, and come back after a while. */
  cut(milliseconds = 1500) {
    if (this.#closed) return
    this.#hangUp()
    this.heard.connection('cut')
    this.#timer = setTimeout(() => this.#open(), milliseconds)
  }

  #hangUp() {
    clearTimeout(this.#timer)
    this.#source?.close()
    this.#source = null
  }

  #open() {
    this.#hangUp()
    this.#heardAt = performance.now()
    const source = (this.#source = new EventSource(api.events(this.runId, this.after)))
    source.onopen = () => this.heard.connection('open')
    source.onmessage = event => this.#message(event)
    source.onerror = () => {
      const refused = source.readyState === EventSource.CLOSED
      this.#hangUp()
      if (refused) this.#inquire()
      else this.#later()
    }
  }

  #message(event) {
    this.#failures = 0
    this.#heardAt = performance.now()
    const number = Number(event.lastEventId.slice(event.lastEventId.lastIndexOf(':') + 1))
    if (number <= this.after) return
    this.after = number
    const chunk = JSON.parse(event.data)
    if (chunk.done) this.close()
    this.heard.chunk(chunk, event.lastEventId, event.data)
  }

  #later() {
    if (this.#closed) return
    this.heard.connection('waiting')
    const pause = PAUSES[Math.min(this.#failures++, PAUSES.length - 1)]
    this.#timer = setTimeout(() => this.#open(), pause)
  }

  /** An EventSource does not tell why it was refused; the run itself does. */
  async #inquire() {
    let state
    try {
      state = await api.run(this.runId)
    } catch (error) {
      if (this.#closed) return
      if (error.status === 0 || error.status === 429 || error.status >= 500) return this.#later()
      this.close()
      return this.heard.lost(error)
    }
    if (this.#closed) return
    if (state.finish_reason) this.close()
    else this.after = Number(state.last_event_id.slice(state.last_event_id.lastIndexOf(':') + 1))
    this.heard.snapshot(state)
    this.#later()
  }

  // A phone that slept holds a connection that is dead and does not know it.
  #doubt = () => {
    if (document.hidden || this.#closed) return
    if (!this.#source || performance.now() - this.#heardAt > SILENCE) this.#open()
  }
}
