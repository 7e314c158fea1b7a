// One tool call in an answer: its name, state, arguments and result.

import { el, icon } from './dom.js'

/** @import { ToolCall } from './wire.js' */

const STATES = {
  started: 'running …',
  completed: 'done',
  failed: 'failed',
  paused: 'waits for a person',
}

/** Shows a tool call. */
export class ToolView {
  constructor() {
    this.name = el('code')
    this.state = el('span', { class: 'state' })
    this.body = el('div', { class: 'tool-body' })
    const summary = el('summary', {}, icon('tool'), this.name, this.state)
    this.element = el('details', { class: 'extra tool' }, summary, this.body)
  }

  /**
   * Show the call as it stands now.
   * @param {ToolCall} call
   */
  show(call) {
    this.name.textContent = call.name
    this.state.textContent = STATES[call.status]
    this.element.dataset.status = call.status
    this.body.replaceChildren()
    const values = {
      Arguments: call.arguments && JSON.stringify(call.arguments, null, 2),
      Result: call.result,
    }
    for (const [name, value] of Object.entries(values)) {
      if (value == null) continue
      this.body.append(el('p', {}, name), el('pre', { tabindex: 0 }, value))
    }
  }
}
