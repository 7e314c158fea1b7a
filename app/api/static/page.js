// What the open conversation needs of the page around it.

/** @import { Drawer } from './drawer.js' */
/** @import { AutoScroll } from './scroll.js' */
/** @import { Welcome } from './placeholders.js' */

/**
 * What a conversation needs of the page. `choice` is the agent and model to use; `opened` gets the
 * id and title of the open conversation, and whether a question has just created it.
 * @typedef {object} Page
 * @property {Drawer} drawer
 * @property {AutoScroll} scroll
 * @property {() => {agent: string | null, model: string | null}} choice
 * @property {() => void} new
 * @property {(id: string | null, title: string, created?: boolean) => void} opened
 * @property {() => void} changed a run started or ended here
 * @property {() => void} listChanged the list of conversations has changed
 * @property {() => Welcome} welcome
 */

export {}
