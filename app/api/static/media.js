// Pictures, sounds, videos and files of an answer, or of a question.

import { mediaFile } from './api.js'
import { el, icon, setText, whenVisible } from './dom.js'
import { number, plural, t } from './phrases.js'

/** @import { Words } from './phrases.js' */
/** @import { MediaItem } from './wire.js' */
/** @import { Part } from './chunks.js' */

const NAMES = { image: t('Picture'), audio: t('Sound'), video: t('Video'), file: t('File') }
const BYTES = { one: '{count} byte', other: '{count} bytes' }

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
  const label = name ?? NAMES[kind] ?? NAMES.file
  if (kind === 'file' || !(kind in NAMES)) return download(item, label)
  const element = player(item, label)
  whenVisible(element, async () => {
    try {
      element.src = await mediaFile(url)
    } catch {
      element.replaceWith(el('p', { class: 'note' }, t('{label} cannot be loaded.', { label })))
    }
  })
  element.addEventListener('error', () => {
    if (element.isConnected) element.replaceWith(download(item, label))
  })
  return el('figure', { class: kind }, element, name && el('figcaption', {}, name))
}

/**
 * @param {MediaItem} item
 * @param {Words} label
 */
function player({ kind }, label) {
  if (kind === 'image') return el('img', { alt: label })
  return el(kind === 'video' ? 'video' : 'audio', { controls: true, 'aria-label': label })
}

/**
 * A link that saves a file. With a key, the file is read when the link is used, since a link
 * cannot send the key.
 * @param {MediaItem} item
 * @param {Words} label
 */
function download({ url, size, name }, label) {
  const save = async () => {
    const address = await mediaFile(url, true).catch(() => null)
    if (!address) {
      setText(state, t('cannot be loaded'))
      return
    }
    el('a', { href: address, download: name ?? String(label) }).click()
  }
  const state = el('span', { class: 'state' }, size === undefined ? '' : bytes(size))
  return el(
    'button',
    { type: 'button', class: 'file', 'aria-label': t('Save {label}', { label }), click: save },
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
  if (size < 1000) return plural(size, BYTES)
  if (size < 1_000_000) return t('{count} KB', { count: Math.round(size / 1000) })
  return t('{count} MB', { count: number(size / 1_000_000, 1) })
}
