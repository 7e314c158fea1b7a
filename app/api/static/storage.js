// What the page keeps in the browser. In a frame of another site a browser may forbid that: then it
// is kept until the page is closed.

/** @typedef {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} Kept */

/**
 * @param {'localStorage' | 'sessionStorage'} name
 * @returns {Kept}
 */
function open(name) {
  try {
    window[name].getItem('')
    return window[name]
  } catch {
    /** @type {Map<string, string>} */
    const kept = new Map()
    return {
      getItem: key => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: key => void kept.delete(key),
    }
  }
}

/** What stays until it is deleted. */
export const local = open('localStorage')

/** What stays until the tab is closed. */
export const session = open('sessionStorage')
