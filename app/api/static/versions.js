// Which of the turns in one place is shown, as 2/3, with a button for the one before and after it.

import { el, iconButton } from './dom.js'
import { setAttribute, t } from './phrases.js'

/** @typedef {-1 | 1} Direction */

/** The versions of a turn; hidden while there is only one. */
export class Versions {
  #count = el('span', { 'aria-hidden': 'true' })
  #previous
  #next
  /** @type {string[]} */
  siblings = [] // the runs of all versions, oldest first; empty if there is one
  /** @type {string | null} */
  #runId = null

  /** @param {(runId: string, direction: Direction) => unknown} select */
  constructor(select) {
    this.select = select
    this.#previous = iconButton('left', t('Previous version'), () => this.step(-1))
    this.#next = iconButton('right', t('Next version'), () => this.step(1))
    this.element = el(
      'span',
      { class: 'versions', role: 'group', hidden: true },
      this.#previous,
      this.#count,
      this.#next,
    )
  }

  /**
   * Show which version a run is.
   * @param {string | null} runId
   * @param {string[]} siblings
   */
  show(runId, siblings) {
    this.siblings = siblings
    this.#runId = runId
    const [number, count] = [this.#index + 1, siblings.length]
    this.element.hidden = count < 2
    setAttribute(this.element, 'aria-label', t('Version {number} of {count}', { number, count }))
    this.#count.textContent = `${number}/${count}`
    this.#previous.disabled = number <= 1
    this.#next.disabled = number >= count
  }

  /**
   * Select the version before or after this one, if there is one.
   * @param {Direction} direction
   */
  step(direction) {
    const runId = this.siblings[this.#index + direction]
    if (runId) this.select(runId, direction)
  }

  /**
   * Focus the button for a direction, or the other one at the last version.
   * @param {Direction} direction
   */
  focus(direction) {
    const [wanted, other] =
      direction < 0 ? [this.#previous, this.#next] : [this.#next, this.#previous]
    const button = wanted.disabled ? other : wanted
    button.focus({ preventScroll: true })
    this.element.scrollIntoView({ block: 'nearest' })
  }

  get #index() {
    return this.siblings.indexOf(this.#runId ?? '')
  }
}
