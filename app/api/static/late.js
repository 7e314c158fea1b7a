// What draws turns: loaded when it is first needed, so that the page opens with little.
// See docs/decisions/074-what-draws-turns-is-loaded-late.md.

import { showBanner } from './banners.js'
import { ApiError } from './http.js'
import { t } from './phrases.js'

const STYLES = ['decisions.css', 'prose.css']
/** What a person does first, whatever comes next. */
const FIRST_ACTS = ['input', 'keydown', 'pointerdown', 'pointermove', 'touchstart']

const NOT_SENT = t('The question was not sent: the server cannot be reached. Please try again.')
const OFFLINE = t('The question was not sent, because you are offline. It stays below.')

/** @typedef {import('./turn.js').Turn} Turn */
/** @typedef {typeof import('./turn.js')} TurnModule */
/** @typedef {typeof import('./listener.js')} ListenerModule */
/** @typedef {typeof import('./chart.js')} ChartModule */
/** @typedef {typeof import('./waiting.js')} WaitingModule */

/** @type {TurnModule['Turn']} once they are loaded */
export let Turn
/** @type {ListenerModule['turnListener']} once they are loaded */
export let turnListener
/** @type {ChartModule['drawChart']} once they are loaded */
export let drawChart
/** @type {WaitingModule['findStandings']} once they are loaded */
export let findStandings
/** Whether turns can be drawn. */
export let isLoaded = false

/** @type {Promise<void> | null} */
let loading = null
let failures = 0

/**
 * Load what draws turns, once. After a failure the next call tries again.
 * @throws {ApiError}
 */
export function loadTurns() {
  loading ??= load().catch(() => {
    loading = null
    failures++
    throw new ApiError(navigator.onLine ? 'unreachable' : 'offline', '')
  })
  return loading
}

/**
 * Load what draws turns; false if that fails, which a banner says, or if meanwhile another
 * conversation is opened.
 * @param {() => string | null} current the id of the open conversation
 */
export async function ready(current) {
  if (isLoaded) return true
  const id = current()
  try {
    await loadTurns()
  } catch {
    showBanner('failed', navigator.onLine ? NOT_SENT : OFFLINE)
    return false
  }
  showBanner('failed', '')
  return id === current()
}

/**
 * Load what draws turns as soon as a person does anything, so that no question waits for it.
 * @param {boolean} now at once, because the page opens a conversation
 */
export function loadTurnsSoon(now) {
  const start = () => {
    for (const name of FIRST_ACTS) removeEventListener(name, start, true)
    loadTurns().catch(() => {}) // whoever needs it tries again, and says so if that fails
  }
  if (now) start()
  else for (const name of FIRST_ACTS) addEventListener(name, start, true)
}

async function load() {
  // A browser may remember that a module has failed, but not under another address.
  const again = failures ? `?again=${failures}` : ''
  /** @type {[TurnModule, ListenerModule, ChartModule, WaitingModule, ...unknown[]]} */
  const [turn, listener, chart, waiting] = await Promise.all([
    import(`./turn.js${again}`),
    import(`./listener.js${again}`),
    import(`./chart.js${again}`),
    import(`./waiting.js${again}`),
    ...STYLES.map(loadStyle),
  ])
  Turn = turn.Turn
  turnListener = listener.turnListener
  drawChart = chart.drawChart
  findStandings = waiting.findStandings
  isLoaded = true
}

/** @param {string} name */
function loadStyle(name) {
  const { href } = new URL(name, import.meta.url)
  if ([...document.styleSheets].some(sheet => sheet.href === href)) return
  return new Promise((resolve, reject) => {
    const link = document.createElement('link')
    link.rel = 'stylesheet'
    link.href = href
    link.addEventListener('load', resolve)
    link.addEventListener('error', () => {
      link.remove()
      reject(new Error(name))
    })
    document.head.append(link)
  })
}
