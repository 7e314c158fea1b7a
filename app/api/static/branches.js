// Which turns of the page stand in the place of others.
// See docs/decisions/067-branches-are-marks-on-agnos-runs.md.

import * as api from './api.js'
import { t } from './phrases.js'
import { withSibling } from './runs.js'

/** @import { Conversation } from './conversation.js' */
/** @import { Run } from './runs.js' */
/** @import { Turn } from './turn.js' */
/** @import { ChatRequest } from './wire.js' */

/**
 * What is done in the place of a turn: its question is answered again, or another one is sent.
 * @typedef {{runId: string, verb: 'regenerate' | 'edit', siblings: string[]}} Place
 */

/** Codes of a server that has no such turn, because it never stored it. */
const NOT_STORED = new Set(['unknown_turn', 'unknown_conversation'])

/**
 * The place of a turn; null if it has no run.
 * @param {Turn} turn
 * @param {boolean} edited
 * @returns {Place | null}
 */
export function placeOf({ runId, versions }, edited) {
  if (!runId) return null
  return { runId, verb: edited ? 'edit' : 'regenerate', siblings: versions.siblings }
}

/**
 * The body of a request in the place of a turn.
 * @param {ChatRequest} body
 * @param {Place} place
 * @returns {ChatRequest}
 */
export function bodyFor({ message, ...body }, { verb }) {
  return verb === 'edit' ? { message, ...body } : body
}

/**
 * Show that a run stands in the place of another one.
 * @param {Turn} turn
 */
export function showPlace({ runId, place, versions }) {
  if (runId && place) versions.show(runId, withSibling(place.runId, place.siblings, runId))
}

/**
 * Whether a turn cannot take its place, because the server has stored no turn there.
 * @param {Turn} turn
 */
export function isHomeless({ place, refusal }) {
  return place !== null && NOT_STORED.has(refusal?.code ?? '')
}

/**
 * Continue from a turn in a new conversation, which has a copy of all turns up to it.
 * @param {Conversation} conversation
 * @param {Turn} turn
 */
export async function fork({ id, page }, { runId }) {
  if (!id || !runId) return
  try {
    page.go((await api.forkConversation(id, runId)).conversation_id)
    page.listChanged()
  } catch (error) {
    const { message } = /** @type {api.ApiError} */ (error)
    page.failed(t('The conversation cannot be copied: {message}', { message }))
  }
}

/**
 * The first turn that is on another branch than the runs that are to be shown, if there is one.
 * @param {Turn[]} turns
 * @param {Run[]} runs
 */
export function firstHidden(turns, runs) {
  const shown = new Set(runs.map(run => run.runId))
  const siblings = new Set(runs.flatMap(run => run.siblings ?? []))
  return turns.find(({ runId }) => runId && siblings.has(runId) && !shown.has(runId))
}
