// Puts a button into a page, and behind it the chat in a frame:
//   <script src="https://example.org/assistant/embed.js" data-agent="helper" defer></script>
// Attributes: data-agent; data-label, the words on the button; data-side="left"; data-colour of the
// button; data-lang, the language of the chat, if not that of the visitor's browser; data-open, to
// begin with the chat open; data-key, a key or token of the visitor.
{
  const script = /** @type {HTMLScriptElement} */ (document.currentScript)
  const { agent, lang, side = 'right', colour = '#0f6b5c' } = script.dataset
  // Of the languages of the page, the others have the same word.
  const { label = /^zh/i.test(lang ?? navigator.language) ? '聊天' : 'Chat' } = script.dataset
  const address = new URL('embed', script.src)
  if (agent) address.searchParams.set('agent', agent)
  if (lang) address.searchParams.set('lang', lang)
  if (script.dataset.key) address.searchParams.set('key', 'page')
  const storageKey = `agno-stream ${address}`

  /**
   * @param {HTMLElement} element
   * @param {Record<string, string>} rules
   */
  const style = (element, rules) => {
    for (const [name, value] of Object.entries(rules)) element.style.setProperty(name, value)
  }
  const edge = side === 'left' ? 'left' : 'right'
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = label
  style(button, {
    position: 'fixed',
    bottom: '1rem',
    [edge]: '1rem',
    'z-index': '2147483000',
    padding: '.7rem 1.2rem',
    border: '0',
    'border-radius': '2rem',
    background: colour,
    color: '#fff',
    font: '600 1rem system-ui, sans-serif',
    cursor: 'pointer',
    'box-shadow': '0 2px 14px #0004',
  })

  const frame = document.createElement('iframe')
  frame.title = label
  if (lang) button.lang = frame.lang = lang
  frame.allow = 'clipboard-write'
  const narrow = matchMedia('(max-width: 500px)')
  const place = () => {
    style(frame, {
      position: 'fixed',
      inset: narrow.matches ? '0' : 'auto',
      'z-index': '2147483001',
      border: '0',
      'border-radius': narrow.matches ? '0' : '1rem',
      width: narrow.matches ? '100%' : 'min(26rem, 100vw - 2rem)',
      height: narrow.matches ? '100%' : 'min(42rem, 100dvh - 2rem)',
      'box-shadow': '0 8px 40px #0005',
      'color-scheme': 'normal',
    })
    if (!narrow.matches) style(frame, { bottom: '1rem', [edge]: '1rem' })
  }

  /** @param {boolean} open */
  const toggle = open => {
    if (open && !frame.src) {
      const last = sessionStorage.getItem(storageKey)
      if (last) {
        address.searchParams.set('c', last)
        address.searchParams.set('remembered', '')
      }
      frame.src = String(address)
      document.body.append(frame)
    }
    frame.hidden = !open
    frame.style.setProperty('display', open ? 'block' : 'none')
    button.style.setProperty('display', open ? 'none' : 'block')
    button.setAttribute('aria-expanded', String(open))
    if (open) frame.focus()
    else button.focus()
  }

  addEventListener('message', event => {
    if (event.source !== frame.contentWindow || event.origin !== address.origin) return
    const message = event.data?.agnoStream
    if (message === 'close') toggle(false)
    if (message?.conversation !== undefined) {
      sessionStorage.setItem(storageKey, message.conversation ?? '')
    }
    if (message === 'key') {
      const answer = { agnoStreamKey: script.dataset.key ?? '' }
      frame.contentWindow?.postMessage(answer, address.origin)
    }
  })
  button.setAttribute('aria-expanded', 'false')
  button.addEventListener('click', () => toggle(true))
  narrow.addEventListener('change', place)
  const show = () => {
    place()
    document.body.append(button)
    if (script.dataset.open !== undefined) toggle(true)
  }
  if (document.body) show()
  else addEventListener('DOMContentLoaded', show)
}
