// What users read if an answer did not end well: what happened, and what to do.

/** @import { ErrorInfo } from './wire.js' */
/** @import { ApiError } from './api.js' */

/** @typedef {'retry' | 'continue' | 'new'} Action */

/**
 * A notice below an answer. `wait` is the seconds until a retry is useful.
 * @typedef {object} Notice
 * @property {string} title
 * @property {string} advice
 * @property {string} detail
 * @property {Action[]} actions
 * @property {number | null} wait
 */

/**
 * By error code or finish reason: what happened, what to do, and the buttons.
 * @type {Record<string, [string, string, Action[]]>}
 */
const NOTICES = {
  cancelled: [
    'You stopped this answer.',
    'The text so far is kept, and is part of the conversation.',
    ['continue', 'retry'],
  ],
  disconnected: [
    'The answer was stopped because no client was reading it.',
    'The text so far is kept.',
    ['continue', 'retry'],
  ],
  length: [
    'The answer reached its limit of tokens.',
    'Continue it, or ask for a shorter answer.',
    ['continue'],
  ],
  content_filter: ['The provider’s filter ended this answer.', 'Rephrase the question.', []],
  tool_calls: [
    'The agent waits for a tool that this page cannot run.',
    'A client that runs the tool can continue from here.',
    [],
  ],
  timeout_first_token: [
    'The model did not start to answer in time.',
    'It may be busy or still loading. Try again in a moment.',
    ['retry'],
  ],
  timeout_idle: [
    'The model stopped sending in the middle of its answer.',
    'The text so far is kept.',
    ['continue', 'retry'],
  ],
  timeout_total: [
    'The answer took longer than this server allows.',
    'The text so far is kept.',
    ['continue'],
  ],
  upstream_cut: [
    'The provider’s stream broke off: this answer is incomplete.',
    'The text so far is kept.',
    ['continue', 'retry'],
  ],
  interrupted: [
    'The server stopped in the middle of this answer.',
    'The text so far is kept.',
    ['continue', 'retry'],
  ],
  error: ['The answer failed.', 'The server’s log says why.', ['retry']],
  agent_failed: ['The agent failed.', 'The server’s log says why.', ['retry']],
  model_rate_limited: [
    'The provider’s rate limit is exceeded.',
    'Wait a little, then try again.',
    ['retry'],
  ],
  rate_limited: [
    'This server’s rate limit is exceeded.',
    'Wait a little, then try again.',
    ['retry'],
  ],
  overloaded: [
    'The server accepts no new questions at the moment.',
    'It is restarting or busy. Try again in a moment.',
    ['retry'],
  ],
  conversation_busy: [
    'This conversation is still being answered.',
    'Wait for the answer, or stop it.',
    ['retry'],
  ],
  context_too_long: [
    'The conversation is too long for this model.',
    'Start a new one, or choose a model with a larger context.',
    ['new'],
  ],
  too_large: [
    'The question is larger than this server accepts.',
    'Make it shorter; MAX_BODY_BYTES is the limit.',
    [],
  ],
  model_auth_failed: [
    'The provider refused the server’s key.',
    'Check OPENAI_API_KEY, or the key of your provider, and restart the server.',
    ['retry'],
  ],
  model_not_found: [
    'The provider does not know this model.',
    'Choose another one below, or correct MODEL.',
    ['retry'],
  ],
  model_refused_request: ['The provider refused this question.', 'The reason is below.', ['retry']],
  model_unavailable: [
    'The model cannot be reached.',
    'Check that its server runs and that its address is right. Then try again.',
    ['retry'],
  ],
  model_bad_response: [
    'The provider sent an invalid response.',
    'Try again. If this happens again, check OPENAI_BASE_URL.',
    ['retry'],
  ],
  unknown_agent: ['This agent does not exist any more.', 'Choose another one below.', ['retry']],
  unknown_model: ['This model does not exist any more.', 'Choose another one below.', ['retry']],
  unknown_run: [
    'The server no longer has this answer.',
    'It was restarted, or the answer has expired. Copy the text on this page if you need it.',
    ['retry'],
  ],
  unknown_conversation: [
    'This conversation is not on the server.',
    'It was deleted, or never existed. The list shows all conversations.',
    ['new'],
  ],
  gap: ['The beginning of this answer is no longer kept.', 'The end is shown here.', []],
  unreachable: [
    'The server could not be reached.',
    'Check that it runs, then try again. Your question is kept here.',
    ['retry'],
  ],
  offline: [
    'You are offline.',
    'Your question is kept here; send it when you are connected again.',
    ['retry'],
  ],
  unauthorized: [
    'The server requires a key.',
    'The operator of the server gives out keys. Your question is kept here.',
    ['retry'],
  ],
  invalid_field: ['The server did not accept the question.', 'The reason is below.', []],
}
/** @type {[string, string, Action[]]} */
const UNKNOWN = ['The server refused the question.', 'The reason is below.', ['retry']]

/**
 * The notice for a finish reason or an error; null if the answer ended well.
 * @param {string} reason
 * @param {ErrorInfo | ApiError | null} [error]
 * @returns {Notice | null}
 */
export function noticeFor(reason, error = null) {
  if (reason === 'stop' && !error) return null
  const [title, advice, actions] = NOTICES[error?.code ?? ''] ?? NOTICES[reason] ?? UNKNOWN
  // For these codes the title and the advice say all that the message does.
  const own =
    !error || ['cancelled', 'disconnected', 'unknown_run', 'interrupted'].includes(error.code)
  return { title, advice, detail: own ? '' : error.message, actions, wait: retryDelay(error) }
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
 * @type {Record<Action, string>}
 */
export const LABELS = { retry: 'Try again', continue: 'Continue', new: 'New conversation' }

/** The codes and finish reasons that are no failures. */
export const CALM = new Set(['cancelled', 'length', 'disconnected', 'tool_calls'])
