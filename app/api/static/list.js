// The conversations there are, the one spoken in last first.

import * as api from './api.js'
import { $, el, icon } from './dom.js'

const PAGE = 50
const DAY = 86_400

export class List {
  #page = { conversations: [], total: 0 }
  #live = []
  #shown = PAGE
  #current = null
  #asked = 0

  /** `house` has `open(id)` and `removed(id)`. */
  constructor(house) {
    this.house = house
    this.element = $('list')
    this.dialog = $('confirm')
  }

  async refresh() {
    const asked = ++this.#asked
    let page, live
    try {
      ;[page, live] = await Promise.all([
        api.conversations(Math.min(this.#shown, 200), 0),
        api.live(),
      ])
    } catch {
      return // the list stays as it was; what is being done says what is wrong
    }
    if (asked !== this.#asked) return
    this.#page = page
    this.#live = live
    this.#draw()
  }

  current(id) {
    this.#current = id
    this.#draw()
  }

  #draw() {
    const focused = document.activeElement?.closest('#list [data-key]')?.dataset.key
    const busy = new Set(this.#live.map(run => run.conversation_id))
    const stored = this.#page.conversations
    const known = new Set(stored.map(one => one.conversation_id))
    const fresh = this.#live
      .filter(run => !known.has(run.conversation_id))
      .map(run => ({
        conversation_id: run.conversation_id,
        title: run.question,
        updated_at: run.created_at,
        unsaved: true,
      }))
    const groups = Map.groupBy([...fresh.reverse(), ...stored], one => age(one.updated_at))
    this.element.replaceChildren(
      ...[...groups].flatMap(([name, some]) => [
        el('h2', {}, name),
        el('ul', {}, ...some.map(one => this.#row(one, busy.has(one.conversation_id)))),
      ]),
    )
    if (this.#page.total > stored.length && this.#shown < 200) {
      const more = el(
        'button',
        {
          type: 'button',
          class: 'quiet more',
          click: () => this.#more(),
        },
        'Show more',
      )
      this.element.append(more)
    }
    if (!groups.size)
      this.element.append(el('p', { class: 'none' }, 'Nothing yet. What you ask is kept here.'))
    if (focused) this.element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus()
  }

  #more() {
    this.#shown += PAGE
    return this.refresh()
  }

  #row({ conversation_id: id, title, unsaved }, busy) {
    const name = title || 'Untitled'
    const open = event => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return
      event.preventDefault()
      this.house.open(id)
    }
    const link = el(
      'a',
      { href: `?c=${encodeURIComponent(id)}`, 'data-key': `open ${id}`, click: open },
      el('span', {}, name),
    )
    if (id === this.#current) link.setAttribute('aria-current', 'page')
    if (busy) link.append(el('i', { class: 'busy', role: 'img', 'aria-label': 'being answered' }))
    const bin = el(
      'button',
      {
        type: 'button',
        class: 'icon',
        'data-key': `bin ${id}`,
        'aria-label': `Delete ${name}`,
        title: 'Delete',
        click: () => this.#remove(id, name),
      },
      icon('bin'),
    )
    return el('li', {}, link, !unsaved && bin)
  }

  #remove(id, name) {
    $('confirm-name').textContent = name
    this.dialog.returnValue = ''
    this.dialog.showModal()
    this.dialog.onclose = async () => {
      if (this.dialog.returnValue !== 'yes') return
      try {
        for (const run of await api.live(id)) await api.cancel(run.run_id)
        await api.remove(id)
      } catch (error) {
        if (error.status !== 404)
          return this.house.failed('The conversation was not deleted. Is the server there?')
      }
      this.house.removed(id)
      await this.refresh()
    }
  }
}

function age(time) {
  const today = new Date().setHours(0, 0, 0, 0) / 1000
  if (time >= today) return 'Today'
  if (time >= today - DAY) return 'Yesterday'
  return time >= today - 6 * DAY ? 'This week' : 'Earlier'
}
