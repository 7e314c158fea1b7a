// The server's HTTP interface. Addresses are relative, so that a proxy may put a path in front.

import * as key from './key.js'

/** Why a request failed: the server's own `code` and `message`, or `unreachable`. */
export class ApiError extends Error {
  constructor(code, message, { status = 0, retryAfter = null } = {}) {
    super(message)
    this.code = code
    this.status = status
    this.retryAfter = retryAfter
  }
}

async function call(method, path, body, headers = {}) {
  const held = key.held()
  const request = { method, headers: { ...headers, ...key.header(held) } }
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
  if (response.status === 401 && (await key.another(held))) return call(method, path, body, headers)
  const { error } = await response.json().catch(() => ({}))
  const { code, message } = error ?? {
    code: `http_${response.status}`,
    message: response.statusText,
  }
  const wait = Number.parseFloat(response.headers.get('Retry-After'))
  throw new ApiError(code, message, {
    status: response.status,
    retryAfter: Number.isNaN(wait) ? null : wait,
  })
}

const id = encodeURIComponent

export const API = 'api/v1'
export const models = async () => (await call('GET', `${API}/models`)).models
export const agents = async () => (await call('GET', `${API}/agents`)).agents
export const conversations = (limit, offset) =>
  call('GET', `${API}/conversations?limit=${limit}&offset=${offset}`)
export const conversation = name => call('GET', `${API}/conversations/${id(name)}`)
export const remove = name => call('DELETE', `${API}/conversations/${id(name)}`)
/** Ask; sent again by the same name, a question is answered by the run that it began then. */
export function ask(body, name) {
  key.again()
  return call('POST', `${API}/chat`, body, { 'Idempotency-Key': name })
}
export const run = name => call('GET', `${API}/runs/${id(name)}`)
export const cancel = name => call('POST', `${API}/runs/${id(name)}/cancel`)
export const events = name => `${API}/runs/${id(name)}/events`
/** A run's signed stream address, which the server also tells of each run that it starts or lists;
 * it opens the stream for some minutes. */
export const ticket = async name =>
  (await call('POST', `${API}/runs/${id(name)}/ticket`)).stream_url
/** A stream address, from the event after the given number on. */
export const from = (address, after) =>
  `${address.replace(/^\//, '')}${address.includes('?') ? '&' : '?'}after=${after}`
export const live = async conversation =>
  (await call('GET', `${API}/runs${conversation ? `?conversation_id=${id(conversation)}` : ''}`))
    .runs

/** A name for a new conversation, or a question. */
export function newName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
