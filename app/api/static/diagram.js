// Draws Mermaid's diagrams in a frame without rights: its scripts run under an origin of their own.
// See docs/decisions/064-an-answer-is-enriched-where-it-is-seen.md.

import { el, iconButton } from './dom.js'
import { t } from './phrases.js'

const PATIENCE = 15_000 // milliseconds; then the code stays as it is
const TALLEST = 2000 // pixels

/**
 * Show the diagram that a frame of code describes, with a button that shows the code instead.
 * @param {HTMLElement} code
 * @param {string} source
 */
export function showDiagram(code, source) {
  const pre = code.querySelector('pre')
  if (!pre) return
  const frame = el('iframe', {
    class: 'diagram unready',
    sandbox: 'allow-scripts',
    src: new URL('diagram.html', import.meta.url).href,
    title: t('Diagram'),
  })
  const timer = setTimeout(stop, PATIENCE)
  function stop() {
    clearTimeout(timer)
    removeEventListener('message', receive)
    if (frame.classList.contains('unready')) frame.remove()
  }
  /** @param {MessageEvent} message */
  function receive({ source: from, data }) {
    if (from !== frame.contentWindow) return
    if (data?.ready) {
      frame.contentWindow?.postMessage({ source, dark: isDark() }, '*')
    } else if (typeof data?.height === 'number') {
      frame.style.height = `${Math.min(Math.ceil(data.height), TALLEST)}px`
      frame.classList.remove('unready')
      pre?.setAttribute('hidden', '')
      code.querySelector('.code-head button:last-child')?.before(button)
      stop()
    } else if (data?.failed) stop()
  }
  const button = iconButton('pen', t('Show the code of the diagram'), () => {
    const shown = pre.toggleAttribute('hidden')
    frame.hidden = !shown
    button.setAttribute('aria-pressed', String(!shown))
  })
  addEventListener('message', receive)
  code.append(frame)
}

function isDark() {
  const { theme } = document.documentElement.dataset
  if (theme === 'dark' || theme === 'light') return theme === 'dark'
  return matchMedia('(prefers-color-scheme: dark)').matches
}
