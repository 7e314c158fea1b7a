// The answers of one turn: another one begins where a paused run is continued.

import { Answer } from './answer.js'
import { Pause } from './pause.js'
import { inSeconds, plural, t } from './phrases.js'
import { reconnectStatus } from './question.js'

/** @import { ApiError } from './http.js' */
/** @import { Requirement } from './requirements.js' */
/** @import { ConnectionState } from './stream.js' */
/** @import { Ending, ErrorInfo, Message } from './wire.js' */

const TOKENS = { one: '{count} token', other: '{count} tokens' }

/** The answers of a turn; the text that arrives is shown in the current one. */
export class Answers {
  /** @type {Answer[]} */
  #before = [] // what was answered before a person decided
  /** @type {string | null} */
  waitsFor = null // the paused run that a card is shown for
  #spent = 0 // seconds, until a person was to decide

  /**
   * @param {HTMLElement} element of the turn
   * @param {ConstructorParameters<typeof Answer>[0]} actions of the buttons
   */
  constructor(element, actions) {
    this.element = element
    this.actions = actions
    this.current = this.#append()
  }

  #append() {
    const answer = new Answer(this.actions)
    this.element.append(answer.element)
    return answer
  }

  /** The text of all answers so far. */
  get text() {
    return [...this.#before, this.current].map(({ text }) => text).join('')
  }

  /** Replace the current answer, of an earlier attempt, with an empty one. */
  renew() {
    this.current.element.remove()
    this.current = this.#append()
  }

  /** Begin an answer below the current one. */
  goOn() {
    this.settle()
    this.#before.push(this.current)
    this.current = this.#append()
  }

  /** Remove the card, because a person has decided. */
  settle() {
    this.waitsFor = null
    this.current.giveWay()
  }

  /**
   * Show an answer that has ended.
   * @param {Message[]} messages
   */
  showStored(messages) {
    const last = messages.at(-1)
    this.current.showStored(messages)
    this.end(last?.finish_reason ?? 'stop', last?.error, last)
  }

  /**
   * Show the end of the current answer.
   * @param {string} reason
   * @param {ErrorInfo | ApiError | null} [error]
   * @param {Ending} [ending]
   * @param {number} [seconds] since this page started its run
   */
  end(reason, error, ending = {}, seconds) {
    const { model, usage } = ending
    const tokens = usage && plural(usage.output_tokens, TOKENS)
    const took = ending.duration ?? (seconds && this.#spent + seconds)
    if (took) this.#spent = took
    const facts = [model, tokens, took ? inSeconds(took) : null]
    this.current.end(reason, error, facts, ending)
  }

  /**
   * Show the card of a paused run, if it is not shown.
   * @param {string} runId
   * @param {Requirement[]} requirements
   * @param {ConstructorParameters<typeof Pause>[2]} listener
   * @param {string} [missing] the agent, if the server does not have it any more
   */
  wait(runId, requirements, listener, missing) {
    if (this.waitsFor === runId) return
    this.waitsFor = runId
    this.current.wait(new Pause(runId, requirements, listener, missing))
  }

  /**
   * Show why no text arrives.
   * @param {ConnectionState} state
   */
  connection(state) {
    const { current } = this
    if (state === 'open') current.status('')
    if (state === 'cut') {
      current.status(t('The connection was cut. The answer continues after a reconnect.'))
    }
    if (state === 'waiting') current.status(reconnectStatus())
  }
}
