// What can go wrong, in a sentence, and what to do about it.

const AGAIN = 'again'
const ON = 'continue'
const NEW = 'new'

// code or finish_reason: [what happened, what to do, buttons]
const SAID = {
  cancelled: [
    'You stopped this answer.',
    'What was said so far is kept, and the next answer knows of it.',
    [ON, AGAIN],
  ],
  disconnected: [
    'The answer was stopped because nobody was reading.',
    'What was said so far is kept.',
    [ON, AGAIN],
  ],
  length: [
    'The answer reached its limit of tokens.',
    'Let it go on, or ask for something shorter.',
    [ON],
  ],
  content_filter: ['The provider’s filter ended this answer.', 'Ask in other words.', []],
  tool_calls: [
    'The agent waits for a tool that is not run here.',
    'A program that runs the tool can go on from here.',
    [],
  ],
  timeout_first_token: [
    'The model did not begin to answer in time.',
    'It may be busy or still loading. Try again in a moment.',
    [AGAIN],
  ],
  timeout_idle: [
    'The model fell silent in the middle of its answer.',
    'What was said so far is kept.',
    [ON, AGAIN],
  ],
  timeout_total: [
    'The answer took longer than this server allows.',
    'What was said so far is kept.',
    [ON],
  ],
  upstream_cut: [
    'The provider’s stream broke off: this answer is not complete.',
    'What was said so far is kept.',
    [ON, AGAIN],
  ],
  interrupted: [
    'The server stopped in the middle of this answer.',
    'What was said so far is kept.',
    [ON, AGAIN],
  ],
  error: ['The answer failed.', 'The server’s log says why.', [AGAIN]],
  agent_failed: ['The agent failed.', 'The server’s log says why.', [AGAIN]],
  model_rate_limited: [
    'The provider limits how often it may be asked.',
    'Wait a little, then try again.',
    [AGAIN],
  ],
  rate_limited: [
    'You are asking faster than this server allows.',
    'Wait a little, then try again.',
    [AGAIN],
  ],
  overloaded: [
    'The server takes no new questions just now.',
    'It is restarting or busy. Try again in a moment.',
    [AGAIN],
  ],
  conversation_busy: [
    'This conversation is still being answered.',
    'Wait for the answer, or stop it.',
    [AGAIN],
  ],
  context_too_long: [
    'The conversation is too long for this model.',
    'Begin a new one, or choose a model with a larger context.',
    [NEW],
  ],
  too_large: [
    'The question is larger than this server accepts.',
    'Make it shorter; MAX_BODY_BYTES is the bound.',
    [],
  ],
  model_auth_failed: [
    'The provider refused the server’s key.',
    'Check OPENAI_API_KEY, or the key of your provider, and start the server again.',
    [AGAIN],
  ],
  model_not_found: [
    'The provider does not know this model.',
    'Choose another one below, or correct MODEL.',
    [AGAIN],
  ],
  model_refused_request: [
    'The provider refused this question.',
    'Its reason stands below.',
    [AGAIN],
  ],
  model_unavailable: [
    'The model cannot be reached.',
    'Check that its server runs and that its address is right. Then try again.',
    [AGAIN],
  ],
  model_bad_response: [
    'The provider answered with something that is not an answer.',
    'Try again; if it stays so, check OPENAI_BASE_URL.',
    [AGAIN],
  ],
  unknown_agent: ['This agent is not there any more.', 'Choose another one below.', [AGAIN]],
  unknown_model: ['This model is not there any more.', 'Choose another one below.', [AGAIN]],
  unknown_run: [
    'The server no longer has this answer.',
    'It was restarted, or the answer has expired. What had arrived is kept on this page; copy it if you need it.',
    [AGAIN],
  ],
  unknown_conversation: [
    'This conversation is not on the server.',
    'It was deleted, or never began. The list shows those that there are.',
    [NEW],
  ],
  gap: ['The beginning of this answer is no longer kept.', 'Its end is shown here.', []],
  unreachable: [
    'The server could not be reached.',
    'Check that it runs, then try again. Your question is kept here.',
    [AGAIN],
  ],
  offline: [
    'You are offline.',
    'Your question is kept here; send it when you are connected again.',
    [AGAIN],
  ],
  unauthorized: [
    'The server wants a key.',
    'Whoever runs it gives keys. Your question is kept here.',
    [AGAIN],
  ],
  invalid_field: ['The server did not accept the question.', 'Its reason stands below.', []],
}
const UNKNOWN = ['The server refused the question.', 'Its reason stands below.', [AGAIN]]

/** What to say of an ending or an error: `{title, advice, detail, actions, wait}`; null if all is
 * well. `wait` is in seconds. */
export function noticeFor(reason, error = null) {
  if (reason === 'stop' && !error) return null
  const [title, advice, actions] = SAID[error?.code] ?? SAID[reason] ?? UNKNOWN
  const wait = error?.retry_after ?? error?.retryAfter ?? null
  const own =
    !error || ['cancelled', 'disconnected', 'unknown_run', 'interrupted'].includes(error.code)
  return { title, advice, detail: own ? '' : error.message, actions, wait }
}

export const LABELS = { [AGAIN]: 'Try again', [ON]: 'Continue', [NEW]: 'New conversation' }
export const CALM = new Set(['cancelled', 'length', 'disconnected', 'tool_calls'])
