// Reads a run by the browser's own EventSource, and goes on after the last event it saw.

import * as api from './api.js'
import { draw } from './frames.js'

const PAUSES = [200, 500, 1000, 2000, 4000] // milliseconds before each new attempt
const ENOUGH = 1000 // events that wait to be read; then no more are taken for a while
const SILENCE = 12_000 // then a connection is doubted when the page is looked at again

export class RunReader {
  #source = null
  #timer = null
  #failures = 0
  #queue = [] // events that came and were not read yet: thousands may come at once
  #read = 0
  #last = null
  #heardAt = 0
  #closed = false
  #full = false
  #after = 0
  #renewed = false // the address is new, and has not opened the stream yet

  /** `heard` has `chunk(chunk, event)`, `snapshot(state)` for what events can no longer tell,
   * `connection('open' | 'waiting' | 'cut')` and `lost(error)`. `address` is the stream's. */
  constructor(runId, address, heard) {
    this.runId = runId
    this.address = address
    this.heard = heard
    document.addEventListener('visibilitychange', this.#doubt)
    addEventListener('online', this.#doubt)
    addEventListener('pageshow', this.#doubt)
    this.#open()
  }

  close() {
    this.#closed = true
    this.#queue = []
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
    this.#full = false
    this.#heardAt = performance.now()
    if (this.#last) this.#after = numberOf(this.#last)
    const source = new EventSource(api.from(this.address, this.#after))
    this.#source = source
    source.onopen = () => {
      this.#renewed = false
      this.heard.connection('open')
    }
    source.onmessage = event => this.#message(event)
    source.onerror = () => {
      const refused = source.readyState === EventSource.CLOSED
      this.#hangUp()
      if (refused) this.#inquire()
      else this.#later()
    }
  }

  /** As little as can be: what an event says is read in frames. An EventSource cannot be slowed
   * down, and one that is flooded freezes the page; so it is closed, and opened again later. */
  #message(event) {
    this.#failures = 0
    this.#heardAt = event.timeStamp
    this.#last = event
    this.#queue.push(event)
    if (event.data.includes('"done":true') && JSON.parse(event.data).done) this.#hangUp()
    else if (this.#queue.length - this.#read > ENOUGH) {
      this.#full = true
      this.#hangUp()
    }
    draw(this.#next)
  }

  #next = () => {
    for (let some = 0; some < 50 && this.#read < this.#queue.length; some++) {
      const event = this.#queue[this.#read++]
      const chunk = JSON.parse(event.data)
      if (chunk.done) this.close()
      this.heard.chunk(chunk, event)
    }
    if (this.#read < this.#queue.length) return !this.#closed
    this.#queue = []
    this.#read = 0
    if (this.#full && !this.#closed) this.#open()
    return false
  }

  #later() {
    if (this.#closed) return
    this.heard.connection('waiting')
    const pause = PAUSES[Math.min(this.#failures++, PAUSES.length - 1)]
    this.#timer = setTimeout(() => this.#open(), pause)
  }

  /** An EventSource does not tell why it was refused. A signed address may have expired, so first
   * another one is tried; if that is not it, the run itself tells. */
  async #inquire() {
    let state
    try {
      if (this.address.includes('token=') && !this.#renewed) {
        this.address = await api.ticket(this.runId)
        this.#renewed = true
        return this.#closed || this.#open()
      }
      state = await api.run(this.runId)
    } catch (error) {
      if (this.#closed) return
      if ([0, 401, 429].includes(error.status) || error.status >= 500) return this.#later()
      this.close()
      return this.heard.lost(error)
    }
    if (this.#closed) return
    if (state.finish_reason) this.close()
    this.#queue = [] // the state has it all
    this.#read = 0
    this.#last = { lastEventId: state.last_event_id }
    this.heard.snapshot(state)
    this.#later()
  }

  // A phone that slept holds a connection that is dead and does not know it.
  #doubt = () => {
    if (document.hidden || this.#closed) return
    if (!this.#source || performance.now() - this.#heardAt > SILENCE) this.#open()
  }
}

const numberOf = ({ lastEventId: id }) => Number(id.slice(id.lastIndexOf(':') + 1))
