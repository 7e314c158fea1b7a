// The types of what a request may name: agents and models. There is no code here.

/**
 * A tool, member or step of an agent; a team has members, a loop and its like steps.
 * @typedef {object} Named
 * @property {string} name
 * @property {string} [description]
 * @property {Named[]} [members]
 * @property {Named[]} [steps]
 */

/**
 * An agent that a request may name, and the model that it uses by default.
 * @typedef {object} AgentInfo
 * @property {string} id
 * @property {string} name
 * @property {string} kind
 * @property {string} description
 * @property {string} model
 * @property {boolean} default
 * @property {Named[]} [tools]
 * @property {Named[]} [members]
 * @property {Named[]} [steps]
 * @property {string[]} [suggestions]
 * @property {boolean} [takes_system] whether a request may have a system prompt
 */

/**
 * A model that a request may name by its `spec`.
 * @typedef {object} ModelInfo
 * @property {string} id
 * @property {string} spec
 * @property {boolean} default
 */

export {}
