// The stream inspector: the events of a run as they arrive, figures, a chart and a curl command.

import { $, copy, el, icon, iconButton, setText } from './dom.js'
import { drawChart } from './late.js' // a run to show has been drawn
import { joined, number, t } from './phrases.js'
import { local } from './storage.js'

/** @import { Words } from './phrases.js' */
/** @import { Ending } from './wire.js' */
/** @import { ConnectionState } from './stream.js' */
/** @import { Trace, TracedEvent } from './trace.js' */

const MAX_ROWS = 200 // events in the list
const MAX_DATA = 600 // characters of an event
const INTERVAL = 100 // milliseconds between two updates
const NEAR = 40 // pixels from the end of the list that count as the end
const WIDE = 900 // pixels of a window in which the drawer opens by itself
const NARROW = 800 // pixels of a window that the drawer covers

/** @type {Record<ConnectionState, Words>} */
const CONNECTION_LABELS = {
  open: t('connected'),
  waiting: t('reconnecting'),
  cut: t('cut'),
  none: t('idle'),
}

/** The drawer with the stream inspector. */
export class Drawer {
  /** @type {Trace | null} */
  #trace = null
  #drawn = -1 // events of the trace that are in the list; -1 before the first
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer

  /** @param {() => void} cut cuts the connection of the run that is shown */
  constructor(cut) {
    this.element = $('drawer')
    this.opener = $('drawer-open')
    this.figures = {
      first: el('dd', {}, '–'),
      rate: el('dd', {}, '–'),
      count: el('dd', {}, '–'),
      usage: el('dd', {}, '–'),
    }
    this.canvas = el('canvas', { role: 'img', 'aria-label': t('Delays between tokens') })
    this.legend = el('p', { class: 'legend' }, t('No tokens yet.'))
    this.state = el('span', { class: 'connection', 'data-state': 'none' }, CONNECTION_LABELS.none)
    this.cut = el(
      'button',
      { type: 'button', class: 'quiet', disabled: true, click: cut },
      icon('cut'),
      t('Cut the connection'),
    )
    this.log = el('ol', { class: 'events', tabindex: 0, 'aria-label': t('Events') })
    this.curl = el('pre', {
      class: 'curl',
      tabindex: 0,
      role: 'region',
      'aria-label': t('The same with curl'),
    })
    const named = { class: 'json', tabindex: 0, role: 'region', 'aria-label': t('Session state') }
    this.sessionJson = el('pre', named)
    this.sessionState = el(
      'div',
      { class: 'command', hidden: true },
      el('h3', {}, t('Session state')),
      this.sessionJson,
    )
    this.#assemble()
    this.opener.addEventListener('click', () => this.toggle())
    this.element.addEventListener('keydown', event => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      this.toggle(false)
    })
    if (local.getItem('drawer') === 'open' && innerWidth > WIDE) this.toggle(true)
  }

  #assemble() {
    const copyCurl = iconButton('copy', t('Copy the command'), () =>
      copy(this.curl.textContent, copyCurl),
    )
    this.element.append(
      el(
        'div',
        { class: 'drawer-head' },
        el('h2', {}, t('Stream inspector')),
        this.state,
        iconButton('close', t('Close the inspector'), () => this.toggle(false)),
      ),
      el(
        'dl',
        { class: 'figures' },
        el('div', {}, el('dt', {}, t('First token')), this.figures.first),
        el('div', {}, el('dt', {}, t('Tokens/s')), this.figures.rate),
        el('div', {}, el('dt', {}, t('Events')), this.figures.count),
        el('div', {}, el('dt', {}, t('Usage')), this.figures.usage),
      ),
      el('div', { class: 'chart' }, el('h3', {}, t('Between tokens')), this.canvas, this.legend),
      el('p', { class: 'buttons' }, this.cut),
      this.sessionState,
      el('div', { class: 'raw' }, el('h3', {}, t('Events')), this.log),
      el('div', { class: 'command' }, el('h3', {}, t('The same with curl'), copyCurl), this.curl),
    )
  }

  /**
   * Open or close the drawer.
   * @param {boolean} [open]
   */
  toggle(open = Boolean(this.element.hidden)) {
    const focused = this.element.contains(document.activeElement)
    this.element.hidden = !open
    if (open && innerWidth <= NARROW) this.element.querySelector('button')?.focus()
    else if (!open && focused) this.opener.focus()
    this.opener.setAttribute('aria-expanded', String(open))
    local.setItem('drawer', open ? 'open' : '')
    this.#drawn = -1
    if (open) this.#draw()
  }

  /**
   * Show this run from now on.
   * @param {Trace} trace
   */
  watch(trace) {
    this.#trace = trace
    this.#drawn = -1
    this.figures.usage.textContent = '–'
    this.sessionState.hidden = true
    this.#drawLater()
  }

  /**
   * Show the state of the connection, if it is that of the run that is shown.
   * @param {ConnectionState} state
   * @param {Trace | null} trace
   */
  connection(state, trace) {
    if (trace !== this.#trace) return
    this.state.dataset.state = state
    setText(this.state, CONNECTION_LABELS[state])
    this.cut.disabled = state !== 'open'
  }

  /** Update the drawer soon, because the trace has changed. */
  changed() {
    if (!this.element.hidden) this.#drawLater()
  }

  /**
   * Show what a run has at its end: the tokens that the provider counted, and the state that the
   * application keeps.
   * @param {Ending} ending
   * @param {Trace | null} trace
   */
  ended({ usage, session_state }, trace) {
    if (trace !== this.#trace) return
    if (usage) {
      const { input_tokens: read, output_tokens: written } = usage
      setText(this.figures.usage, joined([number(read), number(written)], ' + '))
    }
    this.sessionState.hidden = !session_state
    this.sessionJson.textContent = JSON.stringify(session_state ?? {}, null, 2)
  }

  #drawLater() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (!this.element.hidden) requestAnimationFrame(() => this.#draw())
    }, INTERVAL)
  }

  #draw() {
    const trace = this.#trace
    if (!trace) return
    const { first, rate, count } = this.figures
    setText(first, trace.first === null ? '–' : duration(trace.first))
    setText(rate, trace.rate === null ? '–' : number(trace.rate, trace.rate < 100 ? 1 : 0))
    setText(count, number(trace.count))
    const delays = drawChart(this.canvas, trace.gaps)
    if (delays && trace.gaps.length) {
      const [median, p95, max] = [delays.median, delays.p95, delays.max].map(duration)
      const values = { median, p95, max }
      setText(this.legend, t('median {median} · 95 % {p95} · longest {max}', values))
    }
    if (this.#drawn !== trace.events.length) this.#drawRows(trace.events)
    this.curl.textContent = trace.commands
  }

  /** @param {TracedEvent[]} events */
  #drawRows(events) {
    const { log } = this
    const total = events.length
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR
    const restart = this.#drawn < 0 || total < this.#drawn
    const added = restart ? MAX_ROWS : Math.min(MAX_ROWS, total - this.#drawn)
    if (added === MAX_ROWS) log.replaceChildren()
    log.append(...events.slice(-added).map(row))
    while (log.childElementCount > MAX_ROWS) log.firstElementChild?.remove()
    if (atEnd || this.#drawn < 0) log.scrollTop = log.scrollHeight
    this.#drawn = total
  }
}

/** @param {TracedEvent} event */
function row({ id, at, data, mark }) {
  const time = el('time', {}, `${(at / 1000).toFixed(3)}`)
  if (mark) return el('li', { class: 'mark' }, time, el('span', {}, data))
  const raw = String(data)
  const number = el('b', { title: id }, id.slice(id.lastIndexOf(':') + 1))
  const text = raw.length > MAX_DATA ? `${raw.slice(0, MAX_DATA)}…` : raw
  return el('li', {}, time, number, el('code', {}, text))
}

/** @param {number} milliseconds */
function duration(milliseconds) {
  if (milliseconds < 10) return t('{count} ms', { count: number(milliseconds, 1) })
  if (milliseconds < 10_000) return t('{count} ms', { count: number(milliseconds, 0) })
  return t('{count} s', { count: number(milliseconds / 1000, 1) })
}
