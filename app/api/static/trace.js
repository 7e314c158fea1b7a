// What the stream inspector knows of one run: its events with their times, and what follows.

const KEPT = 5000 // events; older ones are forgotten

export class Trace {
  events = []
  gaps = [] // milliseconds between two pieces of text
  count = 0
  tokens = 0
  first = null // milliseconds from the question to the first piece of text
  #last = null

  /** `request` is the body that was sent, if this page sent it. */
  constructor(runId, request = null, asked = performance.now()) {
    this.runId = runId
    this.request = request
    this.asked = asked
  }

  event({ lastEventId: id, data, timeStamp: now }, chunk) {
    const at = now - this.asked
    this.count++
    this.events.push({ id, at, data })
    if (this.events.length > 2 * KEPT) this.events.splice(0, KEPT)
    if (chunk.content || chunk.reasoning) {
      this.first ??= at
      if (this.#last !== null) this.gaps.push(now - this.#last)
      if (this.gaps.length > 2 * KEPT) this.gaps.splice(0, KEPT)
      this.#last = now
      this.tokens++
    }
  }

  mark(words) {
    this.events.push({ id: '', at: performance.now() - this.asked, data: words, mark: true })
  }

  /** Pieces of text a second, between the first and the last one. */
  get rate() {
    const seconds = this.#last === null ? 0 : (this.#last - this.asked - this.first) / 1000
    return seconds > 0 ? (this.tokens - 1) / seconds : null
  }
}
