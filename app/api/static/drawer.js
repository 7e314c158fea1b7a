// The stream inspector: the events of a run as they arrive, figures, a chart and a curl command.

import { API, eventsUrl, resumeUrl } from './api.js'
import { $, copy, el, icon, iconButton } from './dom.js'
import * as key from './key.js'
import { drawChart } from './late.js' // a run to show has been drawn
import { local } from './storage.js'

/** @import { Ending } from './wire.js' */
/** @import { ConnectionState } from './stream.js' */
/** @import { Trace, TracedEvent } from './trace.js' */

const MAX_ROWS = 200 // events in the list
const MAX_DATA = 600 // characters of an event
const INTERVAL = 100 // milliseconds between two updates
const NEAR = 40 // pixels from the end of the list that count as the end
const WIDE = 900 // pixels of a window in which the drawer opens by itself

/** @type {Record<ConnectionState, string>} */
const CONNECTION_LABELS = {
  open: 'connected',
  waiting: 'reconnecting',
  cut: 'cut',
  none: 'idle',
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
    this.canvas = el('canvas', { role: 'img', 'aria-label': 'Delays between tokens' })
    this.legend = el('p', { class: 'legend' }, 'No tokens yet.')
    this.state = el('span', { class: 'connection', 'data-state': 'none' }, CONNECTION_LABELS.none)
    this.cut = el(
      'button',
      { type: 'button', class: 'quiet', disabled: true, click: cut },
      icon('cut'),
      'Cut the connection',
    )
    this.log = el('ol', { class: 'events', tabindex: 0, 'aria-label': 'Events' })
    this.curl = el('pre', {
      class: 'curl',
      tabindex: 0,
      role: 'region',
      'aria-label': 'The same with curl',
    })
    const named = { class: 'json', tabindex: 0, role: 'region', 'aria-label': 'Session state' }
    this.sessionJson = el('pre', named)
    this.sessionState = el(
      'div',
      { class: 'command', hidden: true },
      el('h3', {}, 'Session state'),
      this.sessionJson,
    )
    this.#assemble()
    this.opener.addEventListener('click', () => this.toggle())
    this.element.addEventListener('keydown', event => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      this.toggle(false)
      this.opener.focus()
    })
    if (local.getItem('drawer') === 'open' && innerWidth > WIDE) this.toggle(true)
  }

  #assemble() {
    const copyCurl = iconButton('copy', 'Copy the command', () =>
      copy(this.curl.textContent, copyCurl),
    )
    this.element.append(
      el(
        'div',
        { class: 'drawer-head' },
        el('h2', {}, 'Stream inspector'),
        this.state,
        iconButton('close', 'Close the inspector', () => this.toggle(false)),
      ),
      el(
        'dl',
        { class: 'figures' },
        el('div', {}, el('dt', {}, 'First token'), this.figures.first),
        el('div', {}, el('dt', {}, 'Tokens/s'), this.figures.rate),
        el('div', {}, el('dt', {}, 'Events'), this.figures.count),
        el('div', {}, el('dt', {}, 'Usage'), this.figures.usage),
      ),
      el('div', { class: 'chart' }, el('h3', {}, 'Between tokens'), this.canvas, this.legend),
      el('p', { class: 'buttons' }, this.cut),
      this.sessionState,
      el('div', { class: 'raw' }, el('h3', {}, 'Events'), this.log),
      el('div', { class: 'command' }, el('h3', {}, 'The same with curl', copyCurl), this.curl),
    )
  }

  /**
   * Open or close the drawer.
   * @param {boolean} [open]
   */
  toggle(open = Boolean(this.element.hidden)) {
    this.element.hidden = !open
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
    this.state.textContent = CONNECTION_LABELS[state]
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
    if (usage) this.figures.usage.textContent = `${usage.input_tokens} + ${usage.output_tokens}`
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
    first.textContent = trace.first === null ? '–' : duration(trace.first)
    rate.textContent = trace.rate === null ? '–' : trace.rate.toFixed(trace.rate < 100 ? 1 : 0)
    count.textContent = trace.count.toLocaleString()
    const delays = drawChart(this.canvas, trace.gaps)
    if (delays && trace.gaps.length) {
      this.legend.textContent = [
        `median ${duration(delays.median)}`,
        `95 % ${duration(delays.p95)}`,
        `longest ${duration(delays.max)}`,
      ].join(' · ')
    }
    if (this.#drawn !== trace.events.length) this.#drawRows(trace.events)
    this.curl.textContent = commands(trace)
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
  const number = el('b', { title: id }, id.slice(id.lastIndexOf(':') + 1))
  const text = data.length > MAX_DATA ? `${data.slice(0, MAX_DATA)}…` : data
  return el('li', {}, time, number, el('code', {}, text))
}

/** @param {number} milliseconds */
function duration(milliseconds) {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`
  if (milliseconds < 10_000) return `${Math.round(milliseconds)} ms`
  return `${(milliseconds / 1000).toFixed(1)} s`
}

/**
 * Quote text for a POSIX shell.
 * @param {string} text
 */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** @param {string} path */
function quotedUrl(path) {
  return quoted(new URL(path, document.baseURI).href)
}

/**
 * The curl commands that start a run like this one, and read this one.
 * @param {Trace} trace
 */
function commands({ runId, request }) {
  const auth = key.current() ? ' \\\n  -H "Authorization: Bearer $AGNO_STREAM_API_KEY"' : ''
  const url = quotedUrl(resumeUrl(eventsUrl(runId), 0))
  const read = `# read it again, from any event\ncurl -N ${url}${auth}`
  if (!request) return read
  const { background: _, ...body } = request
  const start = [
    `curl -N ${quotedUrl(`${API}/chat`)}${auth}`,
    "-H 'Content-Type: application/json'",
    `-d ${quoted(JSON.stringify(body))}`,
  ]
  return `${start.join(' \\\n  ')}\n\n${read}`
}
