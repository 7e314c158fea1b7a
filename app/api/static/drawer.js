// The stream inspector: what the server sends, as it comes.

import { API, events, from } from './api.js'
import { drawChart } from './chart.js'
import { $, copy, el, icon, iconButton } from './dom.js'
import * as key from './key.js'

const SHOWN = 200 // events
const EVERY = 100 // milliseconds

export class Drawer {
  #trace = null
  #seen = -1
  #timer = null

  /** `cut()` cuts the connection of the run that is shown. */
  constructor(cut) {
    this.element = $('drawer')
    this.opener = $('drawer-open')
    this.figures = {}
    const figure = (name, label) => {
      this.figures[name] = el('dd', {}, '–')
      return el('div', {}, el('dt', {}, label), this.figures[name])
    }
    this.canvas = el('canvas', { role: 'img', 'aria-label': 'Delays between tokens' })
    this.legend = el('p', { class: 'legend' }, 'No tokens yet.')
    this.state = el('span', { class: 'connection', 'data-state': 'none' }, 'idle')
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
        figure('first', 'First token'),
        figure('rate', 'Tokens/s'),
        figure('count', 'Events'),
        figure('usage', 'Usage'),
      ),
      el('div', { class: 'chart' }, el('h3', {}, 'Between tokens'), this.canvas, this.legend),
      el('p', { class: 'buttons' }, this.cut),
      el('div', { class: 'raw' }, el('h3', {}, 'Events'), this.log),
      el('div', { class: 'command' }, el('h3', {}, 'The same with curl', copyCurl), this.curl),
    )
    this.opener.addEventListener('click', () => this.toggle())
    this.element.addEventListener('keydown', event => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      this.toggle(false)
      this.opener.focus()
    })
    if (localStorage.getItem('drawer') === 'open' && innerWidth > 900) this.toggle(true)
  }

  toggle(open = this.element.hidden) {
    this.element.hidden = !open
    this.opener.setAttribute('aria-expanded', String(open))
    localStorage.setItem('drawer', open ? 'open' : '')
    this.#seen = -1
    if (open && this.#trace) this.#draw(this.#trace)
  }

  /** Show this run from now on. */
  watch(trace) {
    this.#trace = trace
    this.#seen = -1
    this.figures.usage.textContent = '–'
    this.#soon()
  }

  connection(state) {
    const words = { open: 'connected', waiting: 'reconnecting', cut: 'cut', none: 'idle' }
    this.state.dataset.state = state
    this.state.textContent = words[state]
    this.cut.disabled = state !== 'open'
  }

  changed() {
    if (!this.element.hidden) this.#soon()
  }

  usage(usage) {
    if (usage) this.figures.usage.textContent = `${usage.input_tokens} + ${usage.output_tokens}`
  }

  #soon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      if (!this.element.hidden && this.#trace) requestAnimationFrame(() => this.#draw(this.#trace))
    }, EVERY)
  }

  #draw(trace) {
    this.figures.first.textContent = trace.first === null ? '–' : milliseconds(trace.first)
    this.figures.rate.textContent =
      trace.rate === null ? '–' : trace.rate.toFixed(trace.rate < 100 ? 1 : 0)
    this.figures.count.textContent = trace.count.toLocaleString()
    const delays = drawChart(this.canvas, trace.gaps)
    if (delays && trace.gaps.length) {
      this.legend.textContent = `median ${milliseconds(delays.median)} · 95 % ${milliseconds(delays.p95)} · longest ${milliseconds(delays.max)}`
    }
    const total = trace.events.length
    if (this.#seen !== total) {
      const near = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 40
      const fresh =
        this.#seen < 0 || total < this.#seen ? SHOWN : Math.min(SHOWN, total - this.#seen)
      if (fresh === SHOWN) this.log.replaceChildren()
      this.log.append(...trace.events.slice(-fresh).map(row))
      while (this.log.childElementCount > SHOWN) this.log.firstElementChild.remove()
      if (near || this.#seen < 0) this.log.scrollTop = this.log.scrollHeight
      this.#seen = total
    }
    this.curl.textContent = commands(trace)
  }
}

function row({ id, at, data, mark }) {
  const time = el('time', {}, `${(at / 1000).toFixed(3)}`)
  if (mark) return el('li', { class: 'mark' }, time, el('span', {}, data))
  const number = el('b', { title: id }, id.slice(id.lastIndexOf(':') + 1))
  return el(
    'li',
    {},
    time,
    number,
    el('code', {}, data.length > 600 ? `${data.slice(0, 600)}…` : data),
  )
}

const milliseconds = value =>
  value < 10
    ? `${value.toFixed(1)} ms`
    : value < 10_000
      ? `${Math.round(value)} ms`
      : `${(value / 1000).toFixed(1)} s`

const quoted = text => `'${text.replaceAll("'", `'\\''`)}'`
const address = path => quoted(new URL(path, document.baseURI).href)

function commands({ runId, request }) {
  const signed = key.held() ? ' \\\n  -H "Authorization: Bearer $AGNO_STREAM_API_KEY"' : ''
  const read = `# read it again, from any event\ncurl -N ${address(from(events(runId), 0))}${signed}`
  if (!request) return read
  const { background: _, ...body } = request
  return `curl -N ${address(`${API}/chat`)}${signed} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body))}\n\n${read}`
}
