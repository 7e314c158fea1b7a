// The runs of a conversation: stored ones, those that only this browser knows, and live ones.

import * as api from './api.js'
import { findStandings, loadTurns } from './late.js'
import * as memory from './memory.js'

/** @import { Choice } from './composer.js' */
/** @import { ChatRequest, LiveRun, MediaItem, Message, StoredConversation } from './wire.js' */
/** @import { Standing } from './waiting.js' */

/**
 * A run of the conversation: stored with its answers, or to be followed.
 * @typedef {object} Run
 * @property {string} runId
 * @property {string} question
 * @property {MediaItem[]} [media] of the question
 * @property {Message[]} [answers]
 * @property {string} [url] the address of its stream
 * @property {Standing} [standing] how it stands, if it was paused
 * @property {string[]} [siblings] the runs of all turns in its place, if there is another
 */

/**
 * What the server has of a conversation: live runs, its stored form, and how paused turns stand.
 * @typedef {object} Known
 * @property {LiveRun[]} live
 * @property {StoredConversation | null} stored
 * @property {Map<string, Standing>} standings by the run that the turn is stored with
 */

/**
 * Read the live runs of a conversation, and then the stored conversation, so that a run that ends
 * in between is in one of them.
 * @param {string} id
 * @returns {Promise<Known>}
 */
export async function readRuns(id) {
  const runs = await api.listRuns(id)
  const stored = await api.getConversation(id).catch((/** @type {api.ApiError} */ error) => {
    if (error.status === 404) return null
    throw error
  })
  await loadTurns()
  const { standings, taken } = await findStandings(runs, stored?.messages ?? [])
  return { live: runs.filter(run => !taken.has(run.run_id)), stored, standings }
}

/**
 * The stored answer of a run; empty if its conversation has none.
 * @param {string} conversationId
 * @param {string | null} runId
 */
export async function storedAnswer(conversationId, runId) {
  const { messages } = await api.getConversation(conversationId)
  return messages.filter(({ run_id, role }) => run_id === runId && role === 'assistant')
}

/**
 * All runs of a conversation in order: stored ones, those that only this browser knows, live ones.
 * @param {string} id
 * @param {Known} known
 * @returns {Run[]}
 */
export function allRuns(id, { live, stored, standings }) {
  const liveIds = new Set(live.map(run => run.run_id))
  const storedRuns = groupByRun(stored?.messages ?? [])
  const storedIds = new Set(storedRuns.flatMap(run => [run.runId, ...(run.siblings ?? [])]))
  /** @type {Run[]} */
  const runs = storedRuns
    .filter(({ runId }) => !liveIds.has(runId))
    .map(run => ({ ...run, standing: standings.get(run.runId) }))
  for (const { runId, question, after } of memory.recall(id, storedIds)) {
    if (liveIds.has(runId)) continue
    const before = runs.findIndex(run => run.runId === after)
    const at = before < 0 && after ? runs.length : before + 1
    runs.splice(at, 0, { runId, question, standing: undefined })
  }
  for (const { run_id: runId, question, stream_url: url, replaces } of live) {
    const { siblings, media } = takePlace(runs, runId, replaces)
    runs.push({ runId, question, url, siblings, media })
  }
  return runs
}

/**
 * Remove the turn in whose place a live run will stand, and all after it; they are on another
 * branch then.
 * @param {Run[]} runs
 * @param {string} runId
 * @param {string | undefined} replaces
 * @returns {{siblings?: string[], media?: MediaItem[]}} what the live turn has from the old one
 */
function takePlace(runs, runId, replaces) {
  if (!replaces) return {}
  const at = runs.findIndex(run => [run.runId, ...(run.siblings ?? [])].includes(replaces))
  if (at < 0) return {}
  const [old] = runs.splice(at)
  const media = old.runId === replaces ? old.media : undefined
  return { siblings: withSibling(old.runId, old.siblings, runId), media }
}

/**
 * The siblings of a turn with a new one.
 * @param {string} runId
 * @param {string[] | undefined} siblings
 * @param {string} added
 */
export function withSibling(runId, siblings, added) {
  return [...new Set([...(siblings?.length ? siblings : [runId]), added])]
}

/**
 * Group messages by their run. A run without an answer gets an empty one.
 * @param {Message[]} messages
 * @returns {Run[]}
 */
function groupByRun(messages) {
  /** @type {Map<string, Run & {answers: Message[]}>} */
  const runs = new Map()
  for (const message of messages) {
    const runId = message.run_id
    const run = runs.get(runId) ?? { runId, question: '', answers: [] }
    runs.set(runId, run)
    run.siblings ??= message.siblings
    if (message.role === 'user') {
      run.question ||= message.content
      run.media ??= message.media
    } else run.answers.push(message)
  }
  return [...runs.values()].map(run =>
    run.answers.length
      ? run
      : { ...run, answers: [{ role: 'assistant', content: '', run_id: run.runId }] },
  )
}

/**
 * The messages before a turn, so that a second answer is made without the first one.
 * @template {{question: string, text: string}} T
 * @param {T[]} turns
 * @param {T} turn
 */
export function messagesBefore(turns, turn) {
  return turns
    .slice(0, turns.indexOf(turn))
    .filter(({ question, text }) => question && text)
    .flatMap(({ question, text }) => [
      { role: 'user', content: question },
      { role: 'assistant', content: text },
    ])
}

/**
 * The body of a request that starts a run.
 * @param {string} message
 * @param {string} conversation
 * @param {Choice} choice
 * @param {ChatRequest['messages'] | null} messages
 * @returns {ChatRequest}
 */
export function request(message, conversation, { agent, model, options, system }, messages) {
  /** @type {ChatRequest} */
  const body = { message, conversation_id: conversation }
  if (agent) body.agent = agent
  if (model) body.model = model
  if (options) body.options = options
  if (system) body.system = system
  if (messages) body.messages = messages
  return body
}
