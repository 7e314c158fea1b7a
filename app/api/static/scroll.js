// Keeps the end of a conversation in view until the reader scrolls up.

const NEAR = 48 // pixels from the end that count as the end

const RECENT = 500 // milliseconds in which scrolling may follow what a person does

/** @type {Record<string, true>} */
const UPWARDS = { ArrowUp: true, PageUp: true, Home: true, ' ': true }

/**
 * Scrolls `frame` to its end whenever its content grows or shrinks.
 *
 * A browser scrolls up, too, when content shrinks, and reports it after other content has grown.
 */
export class AutoScroll {
  #top = 0
  #size = ''
  #active = true
  #acted = -RECENT // when the reader last did what may scroll up
  #held = false // whether the reader holds the scrollbar

  /**
   * @param {HTMLElement} frame
   * @param {HTMLElement} content
   * @param {(active: boolean) => void} changed called when scrolling stops or starts again
   */
  constructor(frame, content, changed) {
    this.frame = frame
    this.changed = changed
    frame.addEventListener('scroll', () => this.#scrolled(), { passive: true })
    this.#watchReader()
    const resized = () => {
      this.#size = this.#measure()
      this.#toEnd()
    }
    new ResizeObserver(resized).observe(content)
    new ResizeObserver(resized).observe(frame)
  }

  /** Scroll to the end, and stay there. */
  start() {
    this.#set(true)
    this.#toEnd()
  }

  /** Stay at this place until the reader scrolls to the end. */
  stop() {
    this.#set(false)
  }

  #watchReader() {
    const { frame } = this
    const acted = () => {
      this.#acted = performance.now()
    }
    const passive = { passive: true }
    frame.addEventListener('wheel', ({ deltaY }) => deltaY < 0 && acted(), passive)
    frame.addEventListener('touchmove', acted, passive)
    frame.addEventListener('keydown', ({ key, target }) => {
      const typed = target instanceof Element && target.closest('input, textarea, select, button')
      if (UPWARDS[key] && !typed) acted()
    })
    frame.addEventListener('pointerdown', ({ target, button }) => {
      this.#held = target === frame || button === 1
    })
    for (const end of ['pointerup', 'pointercancel']) {
      addEventListener(end, () => {
        this.#held = false
      })
    }
  }

  #measure() {
    return `${this.frame.scrollHeight} ${this.frame.clientHeight}`
  }

  get #rest() {
    const { scrollTop, scrollHeight, clientHeight } = this.frame
    return scrollHeight - scrollTop - clientHeight
  }

  #toEnd() {
    if (this.#active) this.frame.scrollTop = this.frame.scrollHeight
  }

  #scrolled() {
    const { scrollTop } = this.frame
    if (this.#rest < NEAR) this.#set(true)
    else if (scrollTop < this.#top) {
      if (this.#byReader()) this.#set(false)
      else this.#toEnd()
    }
    this.#top = this.frame.scrollTop
    this.#size = this.#measure()
  }

  /** Whether not only a change of the content has scrolled up. */
  #byReader() {
    const acted = this.#held || performance.now() - this.#acted < RECENT
    return acted || this.#size === this.#measure() || this.#showsFocus()
  }

  /** Whether the focus is in view, and would not be at the end. */
  #showsFocus() {
    const focused = document.activeElement
    if (!focused || focused === this.frame || !this.frame.contains(focused)) return false
    const top = focused.getBoundingClientRect().top - this.frame.getBoundingClientRect().top
    return top >= 0 && top < this.#rest
  }

  /** @param {boolean} active */
  #set(active) {
    if (active === this.#active) return
    this.#active = active
    this.changed(active)
  }
}
