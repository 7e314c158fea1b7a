// The parts of an answer that is read at once: stored, or as its run stands now.

/** @import { Message, RunSnapshot, StoredPart } from './wire.js' */

/**
 * The parts of a stored message; of one that has none, its text and media.
 * @param {Message} message
 * @returns {StoredPart[]}
 */
export function storedParts({ content, parts, media }) {
  /** @type {StoredPart[]} */
  const found = parts?.length ? [...parts] : [{ type: 'content', content }]
  if (media?.length) found.push({ type: 'media', media }) // those that are shown are not repeated
  return found
}

/**
 * The parts of the state of a run, in order if it has them so.
 * @param {RunSnapshot} state
 * @returns {StoredPart[]}
 */
export function stateParts(state) {
  if (state.parts?.length) return state.parts
  const { content, reasoning, tools = [], said: speeches = [], steps = [], events = [] } = state
  const { media, citations } = state
  return [
    ...(reasoning ? [{ type: 'reasoning', reasoning }] : []),
    ...tools.map(tool => ({ type: 'tool', tool })),
    ...steps.map(step => ({ type: 'step', step })),
    ...speeches.flatMap(({ speaker, tools: calls = [], ...text }) => [
      { type: 'said', speaker, said: text },
      ...calls.map(tool => ({ type: 'said', speaker, said: { tool } })),
    ]),
    ...events.map(event => ({ type: 'event', event })),
    { type: 'content', content },
    ...(media?.length ? [{ type: 'media', media }] : []),
    ...(citations?.length ? [{ type: 'citations', citations }] : []),
  ]
}
