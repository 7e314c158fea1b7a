// The server's HTTP interface. Addresses are relative, so that a proxy may add a path in front.
// See docs/decisions/045-the-page-names-each-question.md.

import { ApiError, call } from './http.js'
import * as key from './key.js'

/** @import { Attachment } from './attachments.js' */
/** @import { Place } from './branches.js' */
/** @import { AgentInfo, ModelInfo } from './catalog.js' */
/** @import { Decision } from './requirements.js' */
/**
 * @import { ChatRequest, ConversationInfo, ConversationPage, LiveRun, RunStarted, RunState,
 *   StoredConversation }
 *   from './wire.js'
 */

export { ApiError }

const encode = encodeURIComponent

/** Where the native door is. */
export const API = 'api/v1'

/**
 * The models that a request may name.
 * @returns {Promise<ModelInfo[]>}
 */
export async function listModels() {
  return (await call('GET', `${API}/models`)).models
}

/**
 * The agents that a request may name.
 * @returns {Promise<AgentInfo[]>}
 */
export async function listAgents() {
  return (await call('GET', `${API}/agents`)).agents
}

/**
 * Stored conversations, the newest first.
 * @param {number} limit
 * @param {string} [words] only those with these words
 * @returns {Promise<ConversationPage>}
 */
export function listConversations(limit, words = '') {
  const query = words ? `&q=${encode(words)}` : ''
  return call('GET', `${API}/conversations?limit=${limit}${query}`)
}

/**
 * A stored conversation with its messages.
 * @param {string} id
 * @returns {Promise<StoredConversation>}
 */
export function getConversation(id) {
  return call('GET', `${API}/conversations/${encode(id)}`)
}

/**
 * Show the branch of a stored conversation with the turn of a run.
 * @param {string} id
 * @param {string} runId
 * @returns {Promise<StoredConversation>}
 */
export function selectBranch(id, runId) {
  return call('POST', `${API}/conversations/${encode(id)}/branch`, { run_id: runId })
}

/**
 * Copy the turns of a stored conversation up to that of a run into a new one.
 * @param {string} id
 * @param {string} runId
 * @returns {Promise<ConversationInfo>}
 */
export function forkConversation(id, runId) {
  return call('POST', `${API}/conversations/${encode(id)}/fork`, { run_id: runId })
}

/**
 * Delete a stored conversation.
 * @param {string} id
 * @returns {Promise<null>}
 */
export function deleteConversation(id) {
  return call('DELETE', `${API}/conversations/${encode(id)}`)
}

/**
 * Rename a stored conversation.
 * @param {string} id
 * @param {string} title
 * @returns {Promise<unknown>}
 */
export function renameConversation(id, title) {
  return call('PATCH', `${API}/conversations/${encode(id)}`, { title })
}

/**
 * Pin a stored conversation, or no longer.
 * @param {string} id
 * @param {boolean} pinned
 * @returns {Promise<unknown>}
 */
export function pinConversation(id, pinned) {
  return call('PATCH', `${API}/conversations/${encode(id)}`, { pinned })
}

/**
 * A stored conversation as a file.
 * @param {string} id
 * @param {'md' | 'json'} format
 * @returns {Promise<Blob>}
 */
export async function exportConversation(id, format) {
  const file = await call('GET', `${API}/conversations/${encode(id)}/export?format=${format}`)
  return file instanceof Blob ? file : new Blob([JSON.stringify(file, null, 2)])
}

/**
 * Start a run. If a request with the same idempotency key has started one, it is returned instead.
 * @param {ChatRequest} body
 * @param {string} idempotencyKey
 * @param {Attachment[]} [attachments]
 * @param {Place | null} [place] of the turn in whose place the new one will stand
 * @returns {Promise<RunStarted>}
 */
export function startRun(body, idempotencyKey, attachments = [], place = null) {
  key.allowDialog()
  const headers = { 'Idempotency-Key': idempotencyKey }
  if (place) {
    return call('POST', `${API}/runs/${encode(place.runId)}/${place.verb}`, body, headers)
  }
  if (!attachments.length) return call('POST', `${API}/chat`, body, headers)
  const form = new FormData()
  form.append('request', JSON.stringify(body))
  for (const { field, file } of attachments) form.append(field, file, file.name)
  return call('POST', `${API}/chat`, form, headers)
}

/**
 * An address at which the browser can load media: with a key, that of a copy in this page, because
 * an image cannot send the key.
 * @param {string} url a path of this server, or an address of this page
 * @param {boolean} [download] whether it will be saved
 * @returns {Promise<string>}
 */
export async function mediaFile(url, download = false) {
  if (!url.startsWith('/')) return url
  const path = relative(url)
  const separator = path.includes('?') ? '&' : '?'
  if (!key.current()) return download ? `${path}${separator}download=true` : path
  return URL.createObjectURL(await call('GET', path))
}

/**
 * A run as it stands now.
 * @param {string} id
 * @returns {Promise<RunState>}
 */
export function getRun(id) {
  return call('GET', `${API}/runs/${encode(id)}`)
}

/**
 * Request the cancellation of a run.
 * @param {string} id
 * @returns {Promise<RunState>}
 */
export function cancelRun(id) {
  return call('POST', `${API}/runs/${encode(id)}/cancel`)
}

/**
 * Decide on all that a paused run waits for. If a request with the same idempotency key has done
 * so, the run that it started is returned.
 * @param {string} id
 * @param {Decision[]} decisions
 * @param {string} idempotencyKey
 * @returns {Promise<RunStarted>}
 */
export function continueRun(id, decisions, idempotencyKey) {
  const headers = { 'Idempotency-Key': idempotencyKey }
  const body = { decisions, background: true }
  return call('POST', `${API}/runs/${encode(id)}/continue`, body, headers)
}

/**
 * The address of a run's stream; a server with keys accepts it only with a key in a header.
 * @param {string} id
 */
export function eventsUrl(id) {
  return `${API}/runs/${encode(id)}/events`
}

/**
 * Request a new signed stream address of a run, which opens the stream for some minutes. The server
 * also sends one for each run that it starts or lists.
 * @param {string} id
 * @returns {Promise<string>}
 */
export async function signedStreamUrl(id) {
  return (await call('POST', `${API}/runs/${encode(id)}/ticket`)).stream_url
}

/**
 * A relative stream address that begins after the event with this number.
 * @param {string} url
 * @param {number} after
 */
export function resumeUrl(url, after) {
  return `${relative(url)}${url.includes('?') ? '&' : '?'}after=${after}`
}

/**
 * The runs that have not ended, and those that wait for a person, the oldest first; of one
 * conversation, or of all.
 * @param {string} [conversationId]
 * @returns {Promise<LiveRun[]>}
 */
export async function listRuns(conversationId) {
  const query = conversationId ? `&conversation_id=${encode(conversationId)}` : ''
  return (await call('GET', `${API}/runs?status=queued,running,paused${query}`)).runs
}

/**
 * A path of the server as one that is relative to this page, whatever path a proxy has put before
 * it.
 * @param {string} path
 */
function relative(path) {
  return path.slice(Math.max(path.indexOf('/api/v1/'), 0)).replace(/^\//, '')
}

/** A random id, for a new conversation or as an idempotency key. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
