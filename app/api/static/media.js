// Pictures, sounds, videos and files of an answer, or of a question.

import { mediaFile } from './api.js'
import { el, icon } from './dom.js'
import { whenVisible } from './visible.js'

/** @import { MediaItem } from './wire.js' */
/** @import { Part } from './chunks.js' */

const NAMES = { image: 'Picture', audio: 'Sound', video: 'Video', file: 'File' }

/** Shows media, each item once. */
export class MediaView {
  element = el('div', { class: 'media' })
  #shown = 0

  /** @param {Part} part */
  update({ media = [] }) {
    this.element.append(...media.slice(this.#shown).map(mediaElement))
    this.#shown = media.length
  }
}

/**
 * An item with its name. What another server has is a link, because loading it would reveal the
 * reader.
 * @param {MediaItem} item
 */
export function mediaElement(item) {
  const { kind, name, url } = item
  if (/^https?:/i.test(url)) {
    const more = { target: '_blank', rel: 'noopener noreferrer nofollow' }
    return el('a', { class: 'file', href: url, ...more }, icon('link'), name ?? url)
  }
  const label = name ?? NAMES[kind] ?? 'File'
  if (kind === 'file' || !(kind in NAMES)) return download(item, label)
  const element = player(item, label)
  whenVisible(element, async () => {
    try {
      element.src = await mediaFile(url)
    } catch {
      element.replaceWith(el('p', { class: 'note' }, `${label} cannot be loaded.`))
    }
  })
  element.addEventListener('error', () => {
    if (element.isConnected) element.replaceWith(download(item, label))
  })
  return el('figure', { class: kind }, element, name && el('figcaption', {}, name))
}

/**
 * @param {MediaItem} item
 * @param {string} label
 */
function player({ kind }, label) {
  if (kind === 'image') return el('img', { alt: label })
  return el(kind === 'video' ? 'video' : 'audio', { controls: true, 'aria-label': label })
}

/**
 * A link that saves a file. With a key, the file is read when the link is used, since a link
 * cannot send the key.
 * @param {MediaItem} item
 * @param {string} label
 */
function download({ url, size, name }, label) {
  const save = async () => {
    const address = await mediaFile(url, true).catch(() => null)
    if (!address) {
      state.textContent = 'cannot be loaded'
      return
    }
    el('a', { href: address, download: name ?? label }).click()
  }
  const state = el('span', { class: 'state' }, size === undefined ? '' : bytes(size))
  return el(
    'button',
    { type: 'button', class: 'file', 'aria-label': `Save ${label}`, click: save },
    icon('file'),
    el('span', {}, label),
    state,
  )
}

/**
 * A number of bytes for people.
 * @param {number} size
 */
export function bytes(size) {
  if (size < 1000) return `${size} bytes`
  if (size < 1_000_000) return `${Math.round(size / 1000)} KB`
  return `${(size / 1_000_000).toFixed(1)} MB`
}
