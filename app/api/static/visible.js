// Work that can wait until its element comes near the visible part of the page.

/**
 * Call `show` once, when an element comes near the visible part of the page.
 * @param {Element} element
 * @param {() => unknown} show
 */
export function whenVisible(element, show) {
  const observer = new IntersectionObserver(
    entries => {
      if (!entries.some(entry => entry.isIntersecting)) return
      observer.disconnect()
      show()
    },
    { rootMargin: '50%' },
  )
  observer.observe(element)
}
