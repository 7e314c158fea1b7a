// A run that a turn follows: what its stream brings is shown in the answer and in the trace.

import { t } from './phrases.js'
import { storedAnswer } from './runs.js'
import { eventNumber, RunReader } from './stream.js'

/** @import { ApiError } from './http.js' */
/** @import { ConnectionState } from './stream.js' */
/** @import { Trace } from './trace.js' */
/** @import { Turn } from './turn.js' */
/** @import { Chunk, RunState } from './wire.js' */

/** Follows one run until it ends. */
export class Following {
  #reader

  /**
   * @param {Turn} turn
   * @param {string} runId
   * @param {string} url the address of the stream
   * @param {Trace} trace
   */
  constructor(turn, runId, url, trace) {
    this.turn = turn
    this.trace = trace
    this.#reader = new RunReader(runId, url, {
      chunk: (chunk, event) => this.#chunk(chunk, event),
      snapshot: state => this.#snapshot(state),
      connection: state => this.#connection(state),
      lost: error => this.#lost(error),
    })
  }

  /** Cut the connection on purpose. */
  cut() {
    this.#reader.cut()
  }

  /** Stop reading. The run continues. */
  close() {
    this.#reader.close()
  }

  /**
   * @param {Chunk} chunk
   * @param {MessageEvent<string>} event
   */
  #chunk(chunk, event) {
    const { answer, listener } = this.turn
    this.trace.event(event, chunk)
    listener.event()
    if (chunk.recovered && !answer.takeBack(chunk.recovered.after)) {
      answer.clear()
      this.#reader.restart()
      return
    }
    const { empty } = answer
    answer.add(chunk, eventNumber(event.lastEventId))
    if (empty && !answer.empty) this.turn.begun()
    if (chunk.content) listener.text(chunk.content)
    if (chunk.done) this.turn.end(chunk.finish_reason ?? '', chunk.error ?? null, chunk)
  }

  /**
   * Show the state of the run, because its events are not available or it has ended.
   * @param {RunState} state
   */
  #snapshot(state) {
    this.turn.answer.showState(state)
    this.trace.mark(
      state.truncated ? t('the beginning is no longer kept') : t('read from the state of the run'),
    )
    if (state.finish_reason) this.turn.end(state.finish_reason, state.error ?? null, state)
  }

  /** @param {ConnectionState} state */
  #connection(state) {
    this.trace.setConnection(state)
    this.turn.answers.connection(state)
    this.turn.listener.connection(state, this.turn)
  }

  /**
   * The server no longer has the run; its conversation may still have the answer.
   * @param {ApiError} error
   */
  async #lost(error) {
    const { turn } = this
    try {
      const id = turn.body?.conversation_id ?? turn.listener.conversationId ?? ''
      const stored = await storedAnswer(id, turn.runId)
      const last = stored.at(-1)
      if (last) {
        turn.answer.showStored(stored)
        return turn.end(last.finish_reason ?? 'stop', last.error ?? null, last)
      }
    } catch {
      // Then the page has only the text that arrived.
    }
    turn.end('unknown_run', error)
  }
}
