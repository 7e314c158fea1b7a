// Reads an answer aloud with the browser's own voice.

import { iconButton } from './dom.js'
import { t } from './phrases.js'

const LONGEST = 250 // characters at a time: some voices stop in the middle of longer ones
const SILENT = '.code, .math, .footnote, button, sup' // what no voice can read

/** @type {(() => void) | null} */
let stopCurrent = null

/**
 * A button that begins and stops reading the text of an element; null or hidden where
 * there is no voice.
 * @param {() => HTMLElement} element
 */
export function speechButton(element) {
  if (!('speechSynthesis' in window)) return null
  const button = iconButton('sound', t('Read aloud'), () => {
    const speaking = button.classList.contains('done')
    stopCurrent?.()
    if (!speaking) start()
  })
  const show = (/** @type {boolean} */ speaking) => {
    button.classList.toggle('done', speaking)
    button.setAttribute('aria-pressed', String(speaking))
  }
  show(false)
  const offer = () => {
    button.hidden = speechSynthesis.getVoices().length === 0
  }
  offer()
  if (button.hidden) speechSynthesis.addEventListener('voiceschanged', offer, { once: true })
  function start() {
    const pieces = sentences(textOf(element()))
    const stop = () => {
      stopCurrent = null
      speechSynthesis.cancel()
      show(false)
    }
    stopCurrent = stop
    show(true)
    for (const [n, piece] of pieces.entries()) {
      const utterance = new SpeechSynthesisUtterance(piece)
      const end = () => stopCurrent === stop && stop()
      if (n === pieces.length - 1) utterance.addEventListener('end', end)
      utterance.addEventListener('error', end)
      speechSynthesis.speak(utterance)
    }
    if (!pieces.length) stop()
  }
  return button
}

/**
 * What can be read of an answer: its text without code and formulas.
 * @param {HTMLElement} answer
 */
function textOf(answer) {
  const copies = [...answer.querySelectorAll('.parts > .prose')].map(each => each.cloneNode(true))
  for (const copy of copies) {
    if (!(copy instanceof HTMLElement)) continue
    for (const silent of copy.querySelectorAll(SILENT)) silent.remove()
    for (const block of copy.querySelectorAll('p, li, h1, h2, h3, h4, td, th')) block.append('\n')
  }
  return copies.map(copy => copy.textContent).join('\n')
}

/**
 * Pieces of a text that end where a voice may pause.
 * @param {string} text
 */
function sentences(text) {
  const rule = new RegExp(`[^.!?…。！？\\n]{1,${LONGEST}}[.!?…。！？]*`, 'gu')
  return (text.match(rule) ?? []).map(piece => piece.trim()).filter(Boolean)
}
