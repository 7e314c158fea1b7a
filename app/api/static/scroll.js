// Keeps the end of a conversation in sight, and lets go as soon as somebody scrolls up.

const NEAR = 48 // pixels

export class Follow {
  #top = 0
  #held = true

  /** `changed(held)` is told when it lets go and when it holds on again. */
  constructor(frame, content, changed) {
    this.frame = frame
    this.changed = changed
    frame.addEventListener('scroll', () => this.#scrolled(), { passive: true })
    new ResizeObserver(() => this.#keep()).observe(content)
    new ResizeObserver(() => this.#keep()).observe(frame)
  }

  /** Go to the end, and stay there. */
  hold() {
    this.#set(true)
    this.#keep()
  }

  #keep() {
    if (this.#held) this.frame.scrollTop = this.frame.scrollHeight
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.frame
    const near = scrollHeight - scrollTop - clientHeight < NEAR
    if (near) this.#set(true)
    else if (scrollTop < this.#top) this.#set(false)
    this.#top = scrollTop
  }

  #set(held) {
    if (held === this.#held) return
    this.#held = held
    this.changed(held)
  }
}
