// A request to the server: its key, its body, and the error that it may fail with.

import * as key from './key.js'

/** Why a request failed: the server's `code` and `message`, or `unreachable`, or `offline`. */
export class ApiError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {{status?: number, retryAfter?: number | null, decisions?: Record<string, string>}}
   * [response] the HTTP status, the seconds to wait before a retry, what is wrong with decisions
   */
  constructor(code, message, { status = 0, retryAfter = null, decisions } = {}) {
    super(message)
    this.code = code
    this.status = status
    this.retryAfter = retryAfter
    this.decisions = decisions
  }
}

/** @param {Response} response */
function read(response) {
  const isJson = response.headers.get('Content-Type')?.startsWith('application/json')
  const isFile = response.headers.has('Content-Disposition')
  return isJson && !isFile ? response.json() : response.blob()
}

/**
 * Send a request, and return the body of the response: JSON, or the bytes of a file.
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function call(method, path, body, headers = {}) {
  const sentKey = key.current()
  /** @type {RequestInit & {headers: Record<string, string>}} */
  const request = { method, headers: { ...headers, ...key.header(sentKey) } }
  if (body instanceof FormData) request.body = body
  else if (body !== undefined) {
    request.headers['Content-Type'] = 'application/json'
    request.body = JSON.stringify(body)
  }
  let response
  try {
    response = await fetch(path, request)
    if (response.ok) return response.status === 204 ? null : await read(response)
  } catch {
    throw new ApiError(navigator.onLine ? 'unreachable' : 'offline', '')
  }
  const { error } = await response.json().catch(() => ({}))
  const needsKey = response.status === 401 && error?.code !== key.NOT_SIGNED_IN
  if (needsKey && (await key.replace(sentKey))) return call(method, path, body, headers)
  const { code, message, decisions } = error ?? {
    code: `http_${response.status}`,
    message: response.statusText,
  }
  const seconds = Number.parseFloat(response.headers.get('Retry-After') ?? '')
  throw new ApiError(code, message, {
    status: response.status,
    retryAfter: Number.isNaN(seconds) ? null : seconds,
    decisions,
  })
}
