// What the open conversation needs of the page around it, and its turns of the conversation.

/** @import { ApiError } from './api.js' */
/** @import { Drawer } from './drawer.js' */
/** @import { AutoScroll } from './scroll.js' */
/** @import { Welcome } from './placeholders.js' */
/** @import { Choice } from './composer.js' */
/** @import { ConnectionState } from './stream.js' */
/** @import { Turn } from './turn.js' */
/** @import { Direction } from './versions.js' */
/** @import { Words } from './phrases.js' */
/** @import { ErrorInfo } from './wire.js' */

/**
 * What a conversation needs of the page. `choice` is the agent and model to use; `opened` gets the
 * id and title of the open conversation, and whether a question has just created it.
 * @typedef {object} Page
 * @property {Drawer} drawer
 * @property {AutoScroll} scroll
 * @property {() => Choice} choice
 * @property {(text: string) => void} ask sends a question once turns can be drawn
 * @property {(id: string | null) => void} go opens another conversation, or a new one
 * @property {() => unknown} retry opens this conversation again after an error
 * @property {(id: string | null, title: string, created?: boolean) => void} opened
 * @property {() => void} changed a run started or ended here
 * @property {() => void} listChanged the list of conversations has changed
 * @property {(message: Words) => void} failed what the person wanted could not be done
 * @property {() => Welcome} welcome
 */

/**
 * What a turn reports to its conversation, and what the buttons of its answer do.
 * @typedef {object} TurnListener
 * @property {string | null} conversationId
 * @property {(turn: Turn) => unknown} retry
 * @property {(turn: Turn, text: string) => unknown} edit sends another question in its place
 * @property {(runId: string, direction: Direction) => unknown} select shows another version of it
 * @property {(turn: Turn) => unknown} fork continues from it in a new conversation
 * @property {() => unknown} continue
 * @property {() => unknown} new
 * @property {(text: string) => unknown} send
 * @property {() => unknown} reload reads the conversation again
 * @property {(turn: Turn) => void} decided a person has decided here, and its answer goes on
 * @property {(turn: Turn) => boolean} isNext whether no answer before it is live
 * @property {(turn: Turn) => void} changed its run started, or its request was sent
 * @property {(text: string) => void} text text of the answer arrived
 * @property {() => void} event
 * @property {(state: ConnectionState, turn: Turn) => void} connection
 * @property {(turn: Turn, reason: string, error: ErrorInfo | ApiError | null) => void} ended
 */

export {}
