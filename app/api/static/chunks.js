// What is in a chunk: parts of the answer, and facts about the run.

/** @import { Chunk, Citation, MediaItem, NamedEvent, Speaker } from './wire.js' */
/** @import { Step, StoredPart, ToolCall } from './wire.js' */

/**
 * A part of an answer. `type` names the field that it has; parts of other types are drawn as JSON.
 * Speakers and steps have parts of their own, which are `within` them.
 * @typedef {object} Part
 * @property {string} type
 * @property {string} [content]
 * @property {string} [reasoning]
 * @property {ToolCall} [tool]
 * @property {Speaker} [speaker]
 * @property {Step} [step]
 * @property {MediaItem[]} [media]
 * @property {NamedEvent[]} [events] neighbours of one name, the newest last
 * @property {Citation[]} [citations]
 * @property {unknown} [value] of a type that the page does not know
 * @property {Part | null} within
 */

/** The fields of a chunk that are no parts of the answer. */
const FACTS = new Set([
  ...['content', 'reasoning', 'done', 'model', 'usage', 'finish_reason', 'error'],
  ...['run_id', 'conversation_id', 'agent', 'speaker', 'output', 'final', 'followups'],
  ...['session_state', 'stored', 'requirements', 'continues', 'replaces', 'recovered'],
])
/**
 * The parts of a chunk, as the server stores them.
 * @param {Partial<Chunk>} chunk
 * @returns {StoredPart[]}
 */
export function partsOf(chunk) {
  const { content, reasoning, speaker } = chunk
  /** @type {StoredPart[]} */
  const parts = []
  if (reasoning) parts.push({ type: 'reasoning', reasoning })
  if (content) parts.push({ type: 'content', content })
  for (const [type, value] of Object.entries(chunk)) {
    if (!FACTS.has(type) && value != null) parts.push({ type, speaker, [type]: value })
  }
  return parts
}

/**
 * The object or array that a text is the JSON of, or undefined.
 * @param {string} text
 * @returns {object | undefined}
 */
export function jsonOf(text) {
  if (!/^\s*[{[]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
