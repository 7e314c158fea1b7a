// Elements are made here and filled with text, never with HTML.

const SVG = 'http://www.w3.org/2000/svg'

/** An element. `attributes` are set as they are; functions listen to the event of their name. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value)
    else if (value === true) element.setAttribute(name, '')
    else if (value !== false && value != null) element.setAttribute(name, value)
  }
  element.append(...children.filter(child => child != null && child !== false))
  return element
}

/** An icon of the sprite in `index.html`. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg')
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `#i-${name}`)
  svg.setAttribute('aria-hidden', 'true')
  svg.append(use)
  return svg
}

export function iconButton(name, label, click) {
  return el(
    'button',
    { type: 'button', class: 'icon', 'aria-label': label, title: label, click },
    icon(name),
  )
}

export const $ = id => document.getElementById(id)

/** Copy, and show on the button that it was done. */
export async function copy(text, button) {
  const done = await write(text)
  const use = button.querySelector('use')
  const before = use.getAttribute('href')
  if (before === '#i-check') return
  use.setAttribute('href', done ? '#i-check' : '#i-close')
  button.classList.add('done')
  setTimeout(() => {
    use.setAttribute('href', before)
    button.classList.remove('done')
  }, 1200)
}

async function write(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return writeTheOldWay(text) // the clipboard is only there on https and localhost
  }
}

function writeTheOldWay(text) {
  const area = el('textarea', { class: 'unseen', 'aria-hidden': 'true' })
  area.value = text
  const focused = document.activeElement
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  focused?.focus()
  return done
}
