// One tool call in an answer: its name, state, arguments and result.

import { el, icon, setText } from './dom.js'
import { t } from './phrases.js'

/** @import { Part } from './chunks.js' */
/** @import { Words } from './phrases.js' */
/** @import { ToolCall } from './wire.js' */

/** @type {Record<ToolCall['status'], Words>} */
const STATES = {
  started: t('running …'),
  completed: t('done'),
  failed: t('failed'),
  paused: t('waits for a person'),
}

/** Shows a tool call. */
export class ToolView {
  constructor() {
    this.name = el('code')
    this.preview = el('span', { class: 'preview' })
    this.state = el('span', { class: 'state' })
    this.body = el('div', { class: 'tool-body' })
    const summary = el('summary', {}, icon('tool'), this.name, this.preview, this.state)
    this.element = el('details', { class: 'extra tool' }, summary, this.body)
  }

  /**
   * Show the call as it stands now.
   * @param {Part} part
   */
  update({ tool }) {
    if (!tool) return
    this.name.textContent = tool.name
    this.preview.textContent = preview(tool.arguments)
    setText(this.state, STATES[tool.status])
    this.element.dataset.status = tool.status
    this.body.replaceChildren()
    /** @type {[Words, string | null | undefined][]} */
    const values = [
      [t('Arguments'), tool.arguments && JSON.stringify(tool.arguments, null, 2)],
      [t('Result'), tool.result],
    ]
    for (const [name, value] of values) {
      if (value == null) continue
      this.body.append(el('p', {}, name), el('pre', { tabindex: 0 }, value))
    }
  }
}

/**
 * The values of arguments in a line.
 * @param {Record<string, unknown> | undefined} values
 */
function preview(values) {
  const texts = Object.values(values ?? {}).map(value =>
    typeof value === 'string' ? value : JSON.stringify(value),
  )
  return texts.join(', ').replace(/\s+/g, ' ').slice(0, 120)
}
