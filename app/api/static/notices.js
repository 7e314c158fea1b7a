// What users read if an answer did not end well: what happened, and what to do.

import { setText } from './dom.js'
import { ERRORS } from './errors.js'
import { meaning, t } from './phrases.js'

/** @import { Words } from './phrases.js' */
/** @import { ErrorInfo } from './wire.js' */
/** @import { ApiError } from './api.js' */

/** @typedef {'retry' | 'continue' | 'new'} Action */

/**
 * A notice below an answer. `wait` is the seconds until a retry is useful.
 * @typedef {object} Notice
 * @property {Words} title
 * @property {Words} advice
 * @property {string} detail
 * @property {Action[]} actions
 * @property {number | null} wait
 */

/**
 * What only this page knows: endings that are no errors, and a server that is away.
 * @type {Record<string, {summary: Words, advice: Words}>}
 */
const OWN = {
  cancelled: {
    summary: t('You stopped this answer.'),
    advice: t('The text so far is kept, and is part of the conversation.'),
  },
  length: {
    summary: t('The answer reached its limit of tokens.'),
    advice: t('Continue it, or request a shorter answer.'),
  },
  content_filter: {
    summary: t('The provider’s filter ended this answer.'),
    advice: t('Rephrase the question.'),
  },
  tool_calls: {
    summary: t('The agent waits for a tool that this page cannot run.'),
    advice: t('A client that runs the tool can continue from here.'),
  },
  paused: {
    summary: t('The answer waits for a decision.'),
    advice: t('It can no longer be decided here, because the server does not keep it any more.'),
  },
  error: { summary: t('The answer failed.'), advice: t('The server’s log says why.') },
  unreachable: {
    summary: t('The server could not be reached.'),
    advice: t('Check that it runs, then try again. Your question is kept while this page is open.'),
  },
  offline: {
    summary: t('You are offline.'),
    advice: t(
      'Your question is kept while this page is open; send it when you are connected again.',
    ),
  },
}
const UNKNOWN = {
  summary: t('The server refused the question.'),
  advice: t('The reason is below.'),
}

/**
 * The buttons by error code or finish reason; for all others one to try again.
 * @type {Record<string, Action[]>}
 */
const ACTIONS = {
  cancelled: ['continue', 'retry'],
  disconnected: ['continue', 'retry'],
  timeout_idle: ['continue', 'retry'],
  upstream_cut: ['continue', 'retry'],
  interrupted: ['continue', 'retry'],
  length: ['continue'],
  timeout_total: ['continue'],
  context_too_long: ['new'],
  unknown_conversation: ['new'],
  content_filter: [],
  tool_calls: [],
  too_large: [],
  gap: [],
  invalid_field: [],
}

/** The codes whose sentences contain all that the server's own message does. */
const COMPLETE = new Set(['cancelled', 'disconnected', 'unknown_run', 'interrupted'])

/**
 * The notice for a finish reason or an error; null if the answer ended well.
 * @param {string} reason
 * @param {ErrorInfo | ApiError | null} [error]
 * @returns {Notice | null}
 */
export function noticeFor(reason, error = null) {
  if (reason === 'stop' && !error) return null
  const code = [error?.code ?? '', reason].find(name => OWN[name] ?? ERRORS[name]) ?? ''
  const { summary, advice } = OWN[code] ?? (ERRORS[code] ? meaningOf(code) : UNKNOWN)
  return {
    title: summary,
    advice,
    detail: !error || COMPLETE.has(error.code) ? '' : error.message,
    actions: ACTIONS[code] ?? ['retry'],
    wait: retryDelay(error),
  }
}

/**
 * What an error code of the server means.
 * @param {string} code
 */
export function meaningOf(code) {
  return meaning(code, ERRORS[code])
}

/** @param {ErrorInfo | ApiError | null} error */
function retryDelay(error) {
  if (!error) return null
  return (
    ('retry_after' in error ? error.retry_after : null) ??
    ('retryAfter' in error ? error.retryAfter : null) ??
    null
  )
}

/**
 * The labels of the buttons.
 * @type {Record<Action, Words>}
 */
export const LABELS = {
  retry: t('Try again'),
  continue: t('Continue'),
  new: t('New conversation'),
}

/** The codes and finish reasons that are no failures. */
export const CALM = new Set(['cancelled', 'length', 'disconnected', 'tool_calls', 'paused'])

/**
 * Disable a button for some seconds, because a retry would fail before.
 * @param {HTMLButtonElement} button
 * @param {Words} label
 * @param {number} seconds
 */
export function countDown(button, label, seconds) {
  button.disabled = seconds > 0
  setText(button, seconds > 0 ? t('{label} in {seconds} s', { label, seconds }) : label)
  if (seconds > 0) setTimeout(() => countDown(button, label, seconds - 1), 1000)
}
