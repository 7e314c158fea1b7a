// Files of the next question: chosen, pasted or dropped, within bounds.

import { $, el, iconButton, setText } from './dom.js'
import { bytes, mediaElement } from './media.js'
import { joined, t } from './phrases.js'

/** @import { MediaItem } from './wire.js' */

/**
 * A file, the field of the request that it belongs to, and how it is shown.
 * @typedef {object} Attachment
 * @property {'images' | 'audio' | 'videos' | 'files'} field
 * @property {File} file
 * @property {MediaItem} item
 */

const MAX_FILES = 16
const MAX_BYTES = 30_000_000 // together

/** @type {Record<string, [Attachment['field'], MediaItem['kind']]>} */
const FIELDS = {
  image: ['images', 'image'],
  audio: ['audio', 'audio'],
  video: ['videos', 'video'],
}

/** The files below the text of a question. */
export class Attachments {
  /** @type {Attachment[]} */
  #list = []

  /** @param {() => void} changed */
  constructor(changed) {
    this.changed = changed
    this.element = $('attachments')
    this.note = $('attachments-note')
    const field = $('attach-files')
    $('attach').addEventListener('click', () => field.click())
    field.addEventListener('change', () => {
      this.add([...(field.files ?? [])])
      field.value = ''
    })
    $('question').addEventListener('paste', event => {
      const files = [...(event.clipboardData?.files ?? [])]
      if (!files.length) return
      event.preventDefault()
      this.add(files)
    })
    this.#acceptDrops(document.body)
  }

  get size() {
    return this.#list.length
  }

  /**
   * Add files; those that exceed a bound are named.
   * @param {File[]} files
   */
  add(files) {
    const refused = []
    for (const file of files) {
      const total = this.#list.reduce((sum, { file: { size } }) => sum + size, file.size)
      const { name } = file
      if (!file.size) refused.push(t('{name} is empty.', { name }))
      else if (total > MAX_BYTES) {
        const values = { name, limit: bytes(MAX_BYTES) }
        refused.push(t('{name} is too large: all files may have {limit} together.', values))
      } else if (this.#list.length >= MAX_FILES) {
        const values = { name, limit: MAX_FILES }
        refused.push(t('{name} is left out: a question may have {limit} files.', values))
      } else this.#list.push(attachment(file))
    }
    setText(this.note, joined(refused, ' '))
    this.#draw()
  }

  /** Take all files out, because they are sent. */
  take() {
    const taken = this.#list
    this.#list = []
    this.note.textContent = ''
    this.#draw()
    return taken
  }

  #draw() {
    this.element.replaceChildren(
      ...this.#list.map(one => {
        const { name, size } = one.file
        const remove = iconButton('close', t('Remove {name}', { name }), () => this.#remove(one))
        const picture = one.item.kind === 'image' && mediaElement({ ...one.item, name: undefined })
        return el('li', {}, picture, el('span', {}, name), el('small', {}, bytes(size)), remove)
      }),
    )
    this.element.hidden = !this.#list.length
    this.changed()
  }

  /** @param {Attachment} one */
  #remove(one) {
    this.#list = this.#list.filter(other => other !== one)
    URL.revokeObjectURL(one.item.url)
    this.#draw()
    $('question').focus()
  }

  /** @param {HTMLElement} element */
  #acceptDrops(element) {
    const mark = (/** @type {DragEvent} */ event) => {
      const hasFiles = event.dataTransfer?.types.includes('Files') ?? false
      if (hasFiles) event.preventDefault()
      element.classList.toggle('dropping', hasFiles && event.type === 'dragover')
      return hasFiles
    }
    element.addEventListener('dragover', mark)
    element.addEventListener('dragleave', mark)
    element.addEventListener('drop', event => {
      if (mark(event)) this.add([...(event.dataTransfer?.files ?? [])])
    })
  }
}

/**
 * @param {File} file
 * @returns {Attachment}
 */
function attachment(file) {
  const type = file.type.split('/')[0]
  const known = file.type === 'image/svg+xml' ? undefined : FIELDS[type]
  const [field, kind] = known ?? ['files', 'file']
  const { name, size } = file
  const url = URL.createObjectURL(file)
  return { field, file, item: { id: url, kind, mime_type: file.type, url, name, size } }
}
