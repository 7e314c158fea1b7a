// Keeps the end of a conversation in view until the reader scrolls up.

const NEAR = 48 // pixels from the end that count as the end

/** Scrolls `frame` to its end whenever its content grows. */
export class AutoScroll {
  #top = 0
  #active = true

  /**
   * @param {HTMLElement} frame
   * @param {HTMLElement} content
   * @param {(active: boolean) => void} changed called when scrolling stops or starts again
   */
  constructor(frame, content, changed) {
    this.frame = frame
    this.changed = changed
    frame.addEventListener('scroll', () => this.#scrolled(), { passive: true })
    new ResizeObserver(() => this.#toEnd()).observe(content)
    new ResizeObserver(() => this.#toEnd()).observe(frame)
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

  #toEnd() {
    if (this.#active) this.frame.scrollTop = this.frame.scrollHeight
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.frame
    const near = scrollHeight - scrollTop - clientHeight < NEAR
    if (near) this.#set(true)
    else if (scrollTop < this.#top) this.#set(false)
    this.#top = scrollTop
  }

  /** @param {boolean} active */
  #set(active) {
    if (active === this.#active) return
    this.#active = active
    this.changed(active)
  }
}
