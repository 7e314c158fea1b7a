// The types of what a paused run waits for, and of decisions on it. There is no code here.

/**
 * A value that a person has to give. `type` is the name of a type of Python or of JSON Schema.
 * @typedef {object} InputField
 * @property {string} name
 * @property {string} [type] text if absent
 * @property {string} [description]
 * @property {boolean} [required] true if absent
 * @property {unknown} [value] what is known already
 * @property {unknown[]} [allowed] the values to choose from
 */

/**
 * A question to a person.
 * @typedef {object} PersonQuestion
 * @property {string} question
 * @property {{label: string, description?: string}[]} options
 * @property {string} [header]
 * @property {boolean} [multiple] whether several may be chosen
 */

/**
 * One thing that a paused run waits for.
 * @typedef {object} Requirement
 * @property {string} id
 * @property {'approval' | 'input' | 'feedback' | 'external' | 'choice' | 'step_review'
 *   | 'step_error'} kind
 * @property {{id: string, name: string, arguments?: Record<string, unknown>}} [tool]
 * @property {InputField[]} [fields]
 * @property {PersonQuestion[]} [questions]
 * @property {string} [member]
 * @property {string} [step]
 * @property {string} [note]
 * @property {string} [output]
 */

/**
 * What a person decides on the requirement with this id.
 * @typedef {object} Decision
 * @property {string} id
 * @property {boolean} [confirmed]
 * @property {string} [note]
 * @property {Record<string, unknown>} [values]
 * @property {Record<string, string[]>} [answers]
 * @property {string} [result]
 */

export {}
