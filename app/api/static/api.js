// The server's HTTP interface. Addresses are relative, so that a proxy may add a path in front.
// See docs/decisions/045-the-page-names-each-question.md.

import * as key from './key.js'

/**
 * @import { AgentInfo, ChatRequest, ConversationPage, LiveRun, ModelInfo, RunStarted, RunState,
 *   StoredConversation } from './wire.js'
 */

/** Why a request failed: the server's `code` and `message`, or `unreachable`, or `offline`. */
export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{status?: number, retryAfter?: number | null}} [response] the HTTP status, and the
   * seconds to wait before a retry
   */
  constructor(code, message, { status = 0, retryAfter = null } = {}) {
    super(message)
    this.code = code
    this.status = status
    this.retryAfter = retryAfter
  }
}

/**
 * Send a request, and return the body of the response.
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
async function call(method, path, body, headers = {}) {
  const sentKey = key.current()
  /** @type {RequestInit & {headers: Record<string, string>}} */
  const request = { method, headers: { ...headers, ...key.header(sentKey) } }
  if (body !== undefined) {
    request.headers['Content-Type'] = 'application/json'
    request.body = JSON.stringify(body)
  }
  let response
  try {
    response = await fetch(path, request)
    if (response.ok) return response.status === 204 ? null : await response.json()
  } catch {
    throw new ApiError(navigator.onLine ? 'unreachable' : 'offline', '')
  }
  if (response.status === 401 && (await key.replace(sentKey))) {
    return call(method, path, body, headers)
  }
  const { error } = await response.json().catch(() => ({}))
  const { code, message } = error ?? {
    code: `http_${response.status}`,
    message: response.statusText,
  }
  const seconds = Number.parseFloat(response.headers.get('Retry-After') ?? '')
  throw new ApiError(code, message, {
    status: response.status,
    retryAfter: Number.isNaN(seconds) ? null : seconds,
  })
}

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
 * @param {number} offset
 * @returns {Promise<ConversationPage>}
 */
export function listConversations(limit, offset) {
  return call('GET', `${API}/conversations?limit=${limit}&offset=${offset}`)
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
 * Delete a stored conversation.
 * @param {string} id
 * @returns {Promise<null>}
 */
export function deleteConversation(id) {
  return call('DELETE', `${API}/conversations/${encode(id)}`)
}

/**
 * Start a run. If a request with the same idempotency key has started one, it is returned instead.
 * @param {ChatRequest} body
 * @param {string} idempotencyKey
 * @returns {Promise<RunStarted>}
 */
export function startRun(body, idempotencyKey) {
  key.allowDialog()
  return call('POST', `${API}/chat`, body, { 'Idempotency-Key': idempotencyKey })
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
  return `${url.replace(/^\//, '')}${url.includes('?') ? '&' : '?'}after=${after}`
}

/**
 * The runs that have not ended, the oldest first; of one conversation, or of all.
 * @param {string} [conversationId]
 * @returns {Promise<LiveRun[]>}
 */
export async function listRuns(conversationId) {
  const query = conversationId ? `?conversation_id=${encode(conversationId)}` : ''
  return (await call('GET', `${API}/runs${query}`)).runs
}

/** A random id, for a new conversation or as an idempotency key. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
