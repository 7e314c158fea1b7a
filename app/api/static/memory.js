// The questions that this browser asked and has not yet seen in a stored conversation: a server that
// was killed in mid-answer may know the run, but not what was asked.

const KEY = 'asked'
const KEPT = 50

function read() {
  try {
    const asked = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(asked) ? asked : []
  } catch {
    return []
  }
}

function write(asked) {
  try {
    localStorage.setItem(KEY, JSON.stringify(asked.slice(-KEPT)))
  } catch {
    // Storage that is full or forbidden costs only this convenience.
  }
}

/** `after` is the run before it in its conversation: two clocks may differ, and an order does not. */
export const remember = (conversation, runId, question, after) =>
  write([...read(), { conversation, runId, question: question.slice(0, 10_000), after }])

/** What was asked in a conversation, without the runs that are known by now. */
export function recall(conversation, known) {
  const asked = read().filter(({ runId }) => !known.has(runId))
  write(asked)
  return asked.filter(one => one.conversation === conversation)
}

export const forgetAll = () => localStorage.removeItem(KEY)
export const forget = conversation => write(read().filter(one => one.conversation !== conversation))
