// The types of what the server sends, as in the OpenAPI document. There is no code here.

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
 * One entry of a run's log. The last one has `done: true` and a finish reason.
 * @typedef {object} Chunk
 * @property {string} content
 * @property {boolean} done
 * @property {string} model
 * @property {string} [reasoning]
 * @property {ToolCall} [tool]
 * @property {Usage} [usage]
 * @property {string} [finish_reason]
 * @property {ErrorInfo} [error]
 */

/**
 * A run as it stands now. `truncated` is true if its log no longer holds the beginning.
 * @typedef {object} RunState
 * @property {string} content
 * @property {string} model
 * @property {string} last_event_id
 * @property {string} [finish_reason]
 * @property {Usage} [usage]
 * @property {string} [reasoning]
 * @property {ToolCall[]} [tools]
 * @property {ErrorInfo} [error]
 * @property {boolean} [truncated]
 */

/**
 * A run that was started.
 * @typedef {object} RunStarted
 * @property {string} run_id
 * @property {string} conversation_id
 * @property {string} stream_url
 */

/**
 * A run that has not ended. `created_at` is Unix time in seconds.
 * @typedef {RunStarted & {question: string, created_at: number}} LiveRun
 */

/**
 * A message of a stored conversation.
 * @typedef {object} Message
 * @property {string} role
 * @property {string} content
 * @property {string} run_id
 * @property {string} [model]
 * @property {string} [finish_reason]
 */

/**
 * A stored conversation in a list. `updated_at` is Unix time in seconds.
 * @typedef {object} ConversationInfo
 * @property {string} conversation_id
 * @property {string} title
 * @property {number} updated_at
 */

/**
 * A stored conversation.
 * @typedef {ConversationInfo & {messages: Message[]}} StoredConversation
 */

/**
 * The newest conversations; `total` counts all of them.
 * @typedef {object} ConversationPage
 * @property {ConversationInfo[]} conversations
 * @property {number} total
 */

/**
 * An agent that a request may name, and the model that it uses by default.
 * @typedef {object} AgentInfo
 * @property {string} id
 * @property {string} name
 * @property {string} description
 * @property {string} model
 * @property {boolean} default
 */

/**
 * A model that a request may name by its `spec`.
 * @typedef {object} ModelInfo
 * @property {string} id
 * @property {string} spec
 * @property {boolean} default
 */

/**
 * The body of a request that starts a run.
 * @typedef {object} ChatRequest
 * @property {string} message
 * @property {string} conversation_id
 * @property {string} [agent]
 * @property {string} [model]
 * @property {{role: string, content: string}[]} [messages]
 * @property {boolean} [background]
 */

export {}
