// Puts the page together.

import * as api from './api.js'
import { Composer } from './composer.js'
import { $, copy, el } from './dom.js'
import { Drawer } from './drawer.js'
import * as key from './key.js'
import { List } from './list.js'
import * as memory from './memory.js'
import { Follow } from './scroll.js'
import { Talk } from './talk.js'
import * as theme from './theme.js'

const DEMO = ['markdown', 'count to 20', 'tool Europe/Paris', 'reasoning', 'long 2000', 'slow']
const wide = matchMedia('(min-width: 801px)')

let demo = false
let lost = false

const follow = new Follow($('talk'), $('turns'), held => ($('latest').hidden = held))
const drawer = new Drawer(() => talk.cut())
const list = new List({
  open: id => go(id),
  removed(id) {
    memory.forget(id)
    if (id === talk.id) go(null)
  },
  failed: words => banner('failed', words),
})
const composer = new Composer({
  ask: text => talk.ask(text),
  stop: () => talk.stop(),
  last: () => talk.questions.at(-1),
})
const talk = new Talk({
  drawer,
  follow,
  chosen: () => composer.chosen,
  new: () => go(null),
  opened(id, title, fresh = false) {
    if (fresh) history.pushState(null, '', `?c=${encodeURIComponent(id)}`)
    const line = title.split('\n', 1)[0].slice(0, 80)
    $('title').textContent = line || (id ? 'Conversation' : 'New conversation')
    document.title = line ? `${line} · agno-stream` : 'agno-stream'
    $('permalink').hidden = !id
    list.current(id)
    document.body.classList.toggle('talking', Boolean(id))
  },
  changed: () => composer.answering(talk.live.length > 0),
  started: () => list.refresh(),
  ended: () => list.refresh(),
  welcome: () => ({
    title: demo ? 'See a stream' : 'What would you like to know?',
    lines: demo
      ? ['The demonstration model answers here. It needs no key, and shows what a stream can do:']
      : [],
    ideas: demo ? DEMO : [],
  }),
})

/** Go to a conversation, as a link would. */
function go(id) {
  history.pushState(null, '', id ? `?c=${encodeURIComponent(id)}` : location.pathname)
  arrive()
}

function arrive() {
  side(false)
  follow.hold()
  talk.open(new URLSearchParams(location.search).get('c'))
  if (wide.matches) composer.field.focus()
}

function banner(kind, words, code = null) {
  const found = $('banner').querySelector(`[data-kind=${kind}]`)
  found?.remove()
  if (!words) return
  const close = el(
    'button',
    { type: 'button', class: 'plain', 'aria-label': 'Dismiss', click: () => banner(kind, '') },
    '×',
  )
  $('banner').append(
    el(
      'p',
      { 'data-kind': kind },
      el('span', {}, words, code && ' ', code && el('code', {}, code)),
      close,
    ),
  )
}

function side(open) {
  document.body.classList.toggle('side-open', open)
  $('veil').hidden = !open
  $('side-open').setAttribute('aria-expanded', String(open))
  $('side').inert = !open && !wide.matches
  if (open) $('side-close').focus()
}

/** What can be asked; tried again until the server tells it. */
async function catalog() {
  try {
    const [agents, models] = await Promise.all([api.agents(), api.models()])
    composer.offer(agents, models)
    demo = models.find(model => model.default)?.spec === 'demo'
    banner(
      'demo',
      demo &&
        'No model is configured, so the demonstration model answers. To add one, start the server with a key or an address:',
      'OPENAI_API_KEY=… MODEL=openai:gpt-4o-mini make run',
    )
    if (lost) banner('lost', '')
    lost = false
  } catch (error) {
    lost = true
    if (error.status === 401) return locked()
    banner(
      'lost',
      error.status
        ? `The server refused: ${error.message}`
        : 'The server cannot be reached; it may be restarting. Trying again …',
    )
    setTimeout(catalog, 3000)
  }
}

/** Without a key nothing can be asked, and nothing is tried until a person gives one. */
function locked() {
  banner('lost', 'This server asks for a key.')
  const enter = el('button', { type: 'button', class: 'quiet', click: changeKey }, 'Enter the key')
  $('banner').querySelector('[data-kind=lost] .plain').before(enter)
}

/** All that is shown is another's with another key, so the page begins anew. */
async function changeKey() {
  if (await key.ask()) location.reload()
}

const KEYS = {
  '/': () => composer.field.focus(),
  '?': () => $('help').showModal(),
  n: () => go(null),
  c: () => talk.lastAnswer?.element.querySelector('.copy-answer')?.click(),
  r: () => talk.again(),
  d: () => drawer.toggle(),
  End: () => follow.hold(),
}

document.addEventListener('keydown', event => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
  if (document.querySelector('dialog[open]')) return
  if (event.key === 'Escape') {
    if (document.body.classList.contains('side-open')) {
      side(false)
      $('side-open').focus()
    } else talk.stop()
    return
  }
  if (event.target.closest('input, textarea, select')) return
  const act = KEYS[event.key]
  if (!act) return
  event.preventDefault()
  act()
})
$('new').addEventListener('click', event => {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return
  event.preventDefault()
  go(null)
})
$('side-open').addEventListener('click', () => side(true))
for (const name of ['side-close', 'veil']) $(name).addEventListener('click', () => side(false))
wide.addEventListener('change', () => side(false))
$('keys').addEventListener('click', () => $('help').showModal())
$('key-open').addEventListener('click', changeKey)
$('key-forget').addEventListener('click', () => {
  key.forget()
  location.replace(location.pathname)
})
$('key').addEventListener('close', () => {
  $('key-open').hidden = !key.held()
  if (lost && key.held()) catalog()
})
$('latest').addEventListener('click', () => follow.hold())
$('permalink').addEventListener('click', () => copy(location.href, $('permalink')))
addEventListener('popstate', arrive)
addEventListener('offline', () =>
  banner(
    'offline',
    'You are offline. An answer that is under way goes on when you are connected again.',
  ),
)
addEventListener('online', () => {
  banner('offline', '')
  talk.sync()
})
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return
  talk.sync()
  list.refresh()
})
$('key-open').hidden = !key.held()
theme.install($('theme'))
side(false)
await catalog()
arrive()
list.refresh()
