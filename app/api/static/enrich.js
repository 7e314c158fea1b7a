// What is drawn again when it is complete and comes into view: code with colours, formulas,
// diagrams, and pictures of the answer's own. Each library is loaded when the first one needs it.
// See docs/decisions/064-an-answer-is-enriched-where-it-is-seen.md.

import { mediaFile } from './api.js'
import { showDiagram } from './diagram.js'
import { el, iconButton, whenVisible } from './dom.js'
import { t } from './phrases.js'
import DOMPurify from './vendor/dompurify/purify.es.mjs'

const LONGEST_CODE = 20_000 // characters; longer code stays as it is
const LONGEST_FORMULA = 4000

/** @type {Record<string, (element: HTMLElement) => unknown>} by selector */
const KINDS = {
  '.code': enrichCode,
  'code.math': enrichFormula,
  'a.picture': enrichPicture,
  'sup.mark': enrichMark,
}

/**
 * Enrich an element that is final, and those within it, when they are seen.
 * @param {Element} element
 */
export function enrich(element) {
  for (const [selector, show] of Object.entries(KINDS)) {
    const found = [...element.querySelectorAll(selector)]
    if (element.matches(selector)) found.push(element)
    for (const each of found) {
      whenVisible(each, () => show(/** @type {HTMLElement} */ (each)))
    }
  }
}

/** @param {HTMLElement} frame */
async function enrichCode(frame) {
  const code = frame.querySelector('code')
  const source = code?.textContent ?? ''
  if (!code || source.length > LONGEST_CODE) return
  wrapButton(frame)
  const language = code.className.match(/language-([\w+#.-]+)/)?.[1].toLowerCase()
  if (!language) return
  if (language === 'mermaid') {
    showDiagram(frame, source)
    return
  }
  const { default: highlighter } = await import('./vendor/highlight/highlight.min.js')
  if (!highlighter.getLanguage(language)) return
  const { value } = highlighter.highlight(source, { language, ignoreIllegals: true })
  const config = { ALLOWED_TAGS: ['span'], ALLOWED_ATTR: ['class'], ALLOW_DATA_ATTR: false }
  const coloured = DOMPurify.sanitize(value, { ...config, RETURN_DOM_FRAGMENT: true })
  if (coloured.textContent === source) code.replaceChildren(coloured)
}

/**
 * Let long lines wrap at the press of a button, if some are longer than the frame.
 * @param {HTMLElement} frame
 */
function wrapButton(frame) {
  const pre = frame.querySelector('pre')
  if (!pre || pre.scrollWidth <= pre.clientWidth + 1) return
  const button = iconButton('wrap', t('Wrap long lines'), () => {
    const wrapped = frame.classList.toggle('wrapped')
    button.setAttribute('aria-pressed', String(wrapped))
  })
  button.setAttribute('aria-pressed', 'false')
  frame.querySelector('.code-head button:last-child')?.before(button)
}

/** @param {HTMLElement} place */
async function enrichFormula(place) {
  const source = place.textContent ?? ''
  if (!source || source.length > LONGEST_FORMULA) return
  await import('./vendor/katex/katex.min.js') // not a module: it sets a global name
  const { katex } = /** @type {any} */ (globalThis)
  const displayMode = place.classList.contains('display')
  let markup
  try {
    const bounds = { maxExpand: 500, maxSize: 20, trust: false, strict: 'ignore' }
    markup = katex.renderToString(source, { displayMode, output: 'mathml', ...bounds })
  } catch {
    return // the source stays: it is what the model wrote
  }
  const formula = DOMPurify.sanitize(markup, {
    USE_PROFILES: { mathMl: true },
    FORBID_CONTENTS: ['annotation'],
    RETURN_DOM_FRAGMENT: true,
  })
  const name = { class: place.className, role: 'math', 'aria-label': source, title: source }
  place.replaceWith(el('span', name, formula))
}

/** @param {HTMLElement} link */
async function enrichPicture(link) {
  const image = el('img', { alt: link.textContent })
  try {
    image.src = await mediaFile(link.getAttribute('href') ?? '')
    link.replaceWith(image)
  } catch {
    // It stays a link.
  }
}

/**
 * Let the mark of a footnote lead to it.
 * @param {HTMLElement} mark
 */
function enrichMark(mark) {
  const label = mark.textContent
  const button = el(
    'button',
    {
      type: 'button',
      class: 'plain',
      'aria-label': t('Footnote {label}', { label }),
      click: () => {
        const notes = mark.closest('.prose')?.querySelectorAll('.footnote') ?? []
        const note = [...notes].find(each => each.querySelector('sup')?.textContent === label)
        note?.scrollIntoView({ block: 'center' })
        note?.classList.add('found')
        setTimeout(() => note?.classList.remove('found'), 2000)
      },
    },
    label,
  )
  mark.replaceChildren(button)
}
