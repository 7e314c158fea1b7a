// The turns of the open conversation: those of the branch that is shown, in order.

import { firstHidden } from './branches.js'
import * as memory from './memory.js'

/** @import { Run } from './runs.js' */
/** @import { Turn } from './turn.js' */

/** The turns that are shown in an element. */
export class Turns {
  /** @type {Turn[]} */
  list = []

  /** @param {HTMLElement} element */
  constructor(element) {
    this.element = element
  }

  /** Those with a run that has not ended. */
  get live() {
    return this.list.filter(turn => turn.live)
  }

  /** The last one. */
  get last() {
    return this.list.at(-1)
  }

  /** The last question. */
  get question() {
    return this.list.findLast(turn => turn.question)?.question
  }

  /** The versions of the last turn that has several. */
  get versions() {
    return this.list.findLast(turn => turn.versions.siblings.length > 1)?.versions
  }

  /** @param {Turn} turn */
  add(turn) {
    if (!this.list.length) this.element.replaceChildren()
    this.list.push(turn)
    this.element.append(turn.element)
    return turn
  }

  /**
   * Remove a turn, and all after it: they are on another branch.
   * @param {Turn} turn
   */
  removeFrom(turn) {
    const removed = this.list.splice(this.list.indexOf(turn))
    for (const one of removed) {
      one.leave()
      one.element.remove()
    }
    memory.drop(new Set(removed.flatMap(({ runId }) => runId ?? [])))
    return removed
  }

  /** Remove all. */
  clear() {
    for (const turn of this.list) turn.leave()
    this.list = []
    this.element.replaceChildren()
  }

  /**
   * Show the turns of these runs: those that are shown are brought up to date, those that are on
   * another branch are removed, and those that are new are added.
   * @param {Run[]} runs
   * @param {(run: Run) => Turn} show adds a turn that is new
   */
  merge(runs, show) {
    const hidden = firstHidden(this.list, runs)
    if (hidden) this.removeFrom(hidden)
    const shown = new Map(this.list.map(turn => [turn.runId, turn]))
    for (const run of runs) {
      const turn = shown.get(run.runId)
      turn?.update(run.answers, run.standing)
      const placed = turn ?? show(run)
      if (run.siblings) placed.versions.show(run.runId, run.siblings)
    }
  }
}
