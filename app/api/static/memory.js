// The questions of this browser that no stored conversation has shown yet. A server that was killed
// during an answer may know the run, but not its question.
// See docs/decisions/045-the-page-names-each-question.md.

import { local } from './storage.js'

const STORAGE_KEY = 'asked'
const MAX_QUESTIONS = 50
const MAX_CHARACTERS = 10_000 // of a question

/**
 * A question, its run, and the run before it in its conversation. The order is kept by runs because
 * the clocks of two machines may differ.
 * @typedef {object} Question
 * @property {string} conversation
 * @property {string} runId
 * @property {string} question
 * @property {string | null} after
 */

/** @returns {Question[]} */
function read() {
  try {
    const questions = JSON.parse(local.getItem(STORAGE_KEY) ?? '[]')
    return Array.isArray(questions) ? questions : []
  } catch {
    return []
  }
}

/** @param {Question[]} questions */
function write(questions) {
  try {
    local.setItem(STORAGE_KEY, JSON.stringify(questions.slice(-MAX_QUESTIONS)))
  } catch {
    // If storage is full or forbidden, only this convenience is lost.
  }
}

/**
 * Remember a question.
 * @param {string} conversation
 * @param {string} runId
 * @param {string} question
 * @param {string | null} after the run before it in its conversation
 */
export function remember(conversation, runId, question, after) {
  write([...read(), { conversation, runId, question: question.slice(0, MAX_CHARACTERS), after }])
}

/**
 * The questions of a conversation. Those of stored runs are forgotten.
 * @param {string} conversation
 * @param {Set<string>} storedRuns
 */
export function recall(conversation, storedRuns) {
  const questions = read().filter(({ runId }) => !storedRuns.has(runId))
  write(questions)
  return questions.filter(question => question.conversation === conversation)
}

/**
 * Forget the questions of some runs, because the server has stored them.
 * @param {Set<string>} runs
 */
export function drop(runs) {
  const questions = read()
  const left = questions.filter(({ runId }) => !runs.has(runId))
  if (left.length < questions.length) write(left)
}

/** Forget all questions. */
export function forgetAll() {
  local.removeItem(STORAGE_KEY)
}

/**
 * Forget the questions of a conversation.
 * @param {string} conversation
 */
export function forget(conversation) {
  write(read().filter(question => question.conversation !== conversation))
}
