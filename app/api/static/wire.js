// The types of what the server sends, as in the OpenAPI document. There is no code here.

/** @import { Requirement } from './requirements.js' */

/**
 * Tokens of one run, as the provider counted them.
 * @typedef {object} Usage
 * @property {number} input_tokens
 * @property {number} output_tokens
 */

/**
 * One step of a tool call.
 * @typedef {object} ToolCall
 * @property {string} id
 * @property {string} name
 * @property {'started' | 'completed' | 'failed' | 'paused'} status
 * @property {Record<string, unknown>} [arguments]
 * @property {string} [result]
 */

/**
 * Why a run failed. `retry_after` is in seconds.
 * @typedef {object} ErrorInfo
 * @property {string} code
 * @property {string} message
 * @property {number} [retry_after]
 */

/**
 * Who speaks inside a run.
 * @typedef {object} Speaker
 * @property {string} id
 * @property {string} name
 * @property {'member' | 'step' | 'agent'} kind
 * @property {string} [run_id]
 * @property {number} [depth] 1 if absent
 */

/**
 * What a speaker adds.
 * @typedef {object} Said
 * @property {string} [content]
 * @property {string} [reasoning]
 * @property {ToolCall} [tool]
 */

/**
 * The state of a step of a workflow. `iteration` counts from 1.
 * @typedef {object} Step
 * @property {string} id
 * @property {string} name
 * @property {string} kind
 * @property {'started' | 'running' | 'completed' | 'failed' | 'paused'} status
 * @property {number} [iteration]
 * @property {string} [message]
 */

/**
 * Something with a name, as an application reports its progress.
 * @typedef {object} NamedEvent
 * @property {string} name
 * @property {Record<string, unknown>} [data]
 */

/**
 * A picture, sound, video or file. `url` is a path of this server, or of another one; a question
 * has `data:` addresses. `size` is in bytes.
 * @typedef {object} MediaItem
 * @property {string} id
 * @property {'image' | 'audio' | 'video' | 'file'} kind
 * @property {string} mime_type
 * @property {string} url
 * @property {string} [name]
 * @property {number} [size]
 */

/**
 * A source of the answer.
 * @typedef {object} Citation
 * @property {string} kind
 * @property {string} [url]
 * @property {string} [title]
 * @property {string} [text]
 * @property {string} [query]
 */

/**
 * The fields of a chunk that are parts of the answer.
 * @typedef {object} PartFields
 * @property {string} [content]
 * @property {string} [reasoning]
 * @property {ToolCall} [tool]
 * @property {Speaker} [speaker]
 * @property {Said} [said]
 * @property {Step} [step]
 * @property {MediaItem[]} [media]
 * @property {NamedEvent} [event]
 * @property {Citation[]} [citations]
 */

/**
 * A part of a stored answer; its `type` is the name of its field.
 * @typedef {PartFields & {type: string, [field: string]: unknown}} StoredPart
 */

/**
 * What an answer has beside its parts, at its end.
 * @typedef {object} Ending
 * @property {string} [model]
 * @property {Usage} [usage]
 * @property {string} [finish_reason]
 * @property {ErrorInfo} [error]
 * @property {unknown} [output] the answer as an object
 * @property {string[]} [followups] questions that the reader may want to send next
 * @property {Record<string, unknown>} [session_state]
 * @property {Requirement[]} [requirements] what a paused run waits for
 * @property {boolean} [stored] false if the turn could not be kept
 * @property {boolean} [truncated] whether a stored answer had more parts than are kept
 * @property {number} [duration] seconds that a stored answer took
 */

/**
 * That a server was lost, and another one goes on: what came after the event with the number
 * `after` is void, and `length` characters of the text stand.
 * @typedef {object} Recovered
 * @property {number} after
 * @property {number} length
 * @property {number} attempt
 */

/**
 * One entry of a run's log. The last one has `done: true` and a finish reason.
 * @typedef {PartFields & Ending & ChunkFields} Chunk
 */

/**
 * @typedef {object} ChunkFields
 * @property {string} content
 * @property {boolean} done
 * @property {string} model
 * @property {string} [final]
 * @property {Recovered} [recovered]
 */

/**
 * A run as it stands now. `truncated` is true if its log no longer holds the beginning.
 * @typedef {object} RunSnapshot
 * @property {string} content
 * @property {string} model
 * @property {string} last_event_id
 * @property {string} [reasoning]
 * @property {ToolCall[]} [tools]
 * @property {(Said & {speaker: Speaker, tools?: ToolCall[]})[]} [said]
 * @property {Step[]} [steps]
 * @property {NamedEvent[]} [events]
 * @property {MediaItem[]} [media]
 * @property {Citation[]} [citations]
 * @property {StoredPart[]} [parts]
 * @property {boolean} [truncated]
 */

/**
 * A run as it stands, and those before and after it: `continues` is the paused run that this one
 * continues, and `continued_by` the run that continues this one.
 * @typedef {RunSnapshot & Ending & {status: string, continues?: string, continued_by?: string}}
 *   RunState
 */

/**
 * A run that was started.
 * @typedef {object} RunStarted
 * @property {string} run_id
 * @property {string} conversation_id
 * @property {string} stream_url
 */

/**
 * A run that has not ended, or that waits for a person. `created_at` is Unix time in seconds;
 * `replaces` is the run of the turn in whose place its own will stand.
 * @typedef {RunStarted & {question: string, created_at: number, requirements?: Requirement[],
 *   agent: string, status: 'queued' | 'running' | 'paused', replaces?: string}} LiveRun
 */

/**
 * A message of a stored conversation. `parts` are those of an answer, in order; `siblings` the runs
 * of all turns in the place of this one, if there is another.
 * @typedef {object} StoredMessage
 * @property {string} role
 * @property {string} content
 * @property {string} run_id
 * @property {StoredPart[]} [parts]
 * @property {MediaItem[]} [media]
 * @property {string[]} [siblings]
 */

/** @typedef {StoredMessage & Ending} Message */

/**
 * A stored conversation in a list. `updated_at` is Unix time in seconds.
 * @typedef {object} ConversationInfo
 * @property {string} conversation_id
 * @property {string} title
 * @property {number} updated_at
 * @property {number} [pinned_at] Unix time in seconds, if it is pinned
 */

/**
 * A stored conversation.
 * @typedef {ConversationInfo & {messages: Message[]}} StoredConversation
 */

/**
 * The newest conversations; `total` counts all of them.
 * @typedef {object} ConversationPage
 * @property {ConversationInfo[]} conversations
 * @property {ConversationInfo[]} [pinned] those of all that are pinned
 * @property {number} total
 */

/**
 * The body of a request that starts a run.
 * @typedef {object} ChatRequest
 * @property {string} [message] absent if a turn is answered again
 * @property {string} conversation_id
 * @property {string} [agent]
 * @property {string} [model]
 * @property {string} [system]
 * @property {{role: string, content: string}[]} [messages]
 * @property {boolean} [background]
 * @property {'queue' | 'interrupt'} [on_busy]
 * @property {{temperature?: number, max_tokens?: number}} [options]
 * @property {Upload[]} [images]
 * @property {Upload[]} [files]
 * @property {Upload[]} [audio]
 * @property {Upload[]} [videos]
 */

/**
 * A file of a question. `data` is base64.
 * @typedef {{data: string, mime_type: string, name: string}} Upload
 */

export {}
