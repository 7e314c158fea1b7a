// Connects the parts of the page.

import * as api from './api.js'
import { showBanner, showDemo, showRefusal } from './banners.js'
import { Composer } from './composer.js'
import { Conversation } from './conversation.js'
import { $, copy, setText } from './dom.js'
import { Drawer } from './drawer.js'
import * as embedded from './embedded.js'
import * as key from './key.js'
import * as language from './language.js'
import { ready } from './late.js'
import { List } from './list.js'
import * as memory from './memory.js'
import { t } from './phrases.js'
import { welcomeOf } from './placeholders.js'
import { AutoScroll } from './scroll.js'
import * as settings from './settings.js'

const CATALOG_RETRY = 3000 // milliseconds
const MAX_TITLE = 80 // characters
const wide = matchMedia('(min-width: 801px)')

let demo = false // whether the page presents the demonstration model, which is the default
let disconnected = false // whether the catalog could not be read
let refused = false // whether that was for want of a key or a user, so that nothing reads it again

const scroll = new AutoScroll($('talk'), $('turns'), active => {
  $('latest').hidden = active
})
const drawer = new Drawer(() => conversation.cut())
const list = new List({
  open: id => go(id),
  renamed(id, title) {
    if (id === conversation.id) showTitle(id, title)
  },
  removed(id) {
    memory.forget(id)
    if (id === conversation.id) go(null)
  },
  failed: message => showBanner('failed', message),
})
const composer = new Composer({
  ready: () => ready(() => conversation.id),
  send: (text, more) => conversation.send(text, more),
  stop: () => conversation.stop(),
  last: () => conversation.turns.question,
  agent: () => conversation.refreshWelcome(),
})
const conversation = new Conversation({
  drawer,
  scroll,
  choice: () => composer.choice,
  ask: async text => (await ready(() => conversation.id)) && conversation.send(text),
  go: id => go(id),
  retry,
  opened(id, title, created = false) {
    if (created) embedded.pushUrl(id)
    showTitle(id, title)
    $('permalink').hidden = !id
    list.setCurrent(id)
    document.body.classList.toggle('talking', Boolean(id))
  },
  changed: () => composer.setBusy(conversation.live.length > 0),
  failed: message => showBanner('failed', message),
  listChanged: () => list.refresh(),
  welcome: () => welcomeOf(composer.chosenAgent, demo),
})

/**
 * @param {string | null} id
 * @param {string} title
 */
function showTitle(id, title) {
  const line = title.split('\n', 1)[0].slice(0, MAX_TITLE)
  setText($('title'), line || (id ? t('Conversation') : t('New conversation')))
  document.title = line ? `${line} · agno-stream` : 'agno-stream'
}

/**
 * Go to a conversation, as a link would.
 * @param {string | null} id
 */
function go(id) {
  embedded.pushUrl(id)
  openFromUrl()
}

/** Open the conversation in the address bar. */
function openFromUrl() {
  toggleSide(false)
  scroll.start()
  conversation.open(embedded.conversation())
  if (wide.matches) composer.field.focus()
}

/**
 * Open or close the list of conversations on a narrow screen.
 * @param {boolean} open
 */
function toggleSide(open) {
  document.body.classList.toggle('side-open', open)
  $('veil').hidden = !open
  $('side-open').setAttribute('aria-expanded', String(open))
  $('side').inert = !open && !wide.matches
  if (open) $('side-close').focus()
}

/** Read the agents and models, again and again until the server sends them. */
async function loadCatalog() {
  try {
    const [agents, models] = await Promise.all([api.listAgents(), api.listModels()])
    composer.showCatalog(agents, models)
    // The visitors of another page cannot configure the server, and know its agent only.
    demo = !embedded.active && models.find(model => model.default)?.spec === 'demo'
    showDemo(demo)
    if (disconnected) showBanner('disconnected', '')
    disconnected = refused = false
  } catch (caught) {
    const error = /** @type {api.ApiError} */ (caught)
    disconnected = true
    refused = error.status === 401
    if (refused) {
      showRefusal(error, { retry, changeKey })
      return
    }
    showBanner(
      'disconnected',
      error.status
        ? t('The server refused the request: {message}', { message: error.message })
        : t('The server cannot be reached; it may be restarting. Trying again …'),
    )
    setTimeout(loadCatalog, CATALOG_RETRY)
  }
}

/** Read again what the server refused, but for turns, each of which has a button of its own. */
async function retry() {
  key.allowDialog()
  if (refused) {
    await loadCatalog()
    list.refresh()
  }
  if (!conversation.turns.list.length) await conversation.open(conversation.id)
}

/** Open the dialog for a key; then reload, because the page shows data of the previous key. */
async function changeKey() {
  if (await key.enter()) location.reload()
}

/** @type {Record<string, () => unknown>} */
const SHORTCUTS = {
  '/': () => composer.field.focus(),
  '?': () => $('help').showModal(),
  n: () => go(null),
  c: () => {
    const button = conversation.turns.last?.answer.element.querySelector('.copy-answer')
    if (button instanceof HTMLElement) button.click()
  },
  r: () => conversation.retry(),
  e: () => conversation.turns.last?.asked.edit(),
  '[': () => conversation.turns.versions?.step(-1),
  ']': () => conversation.turns.versions?.step(1),
  d: () => drawer.toggle(),
  End: () => scroll.start(),
}

document.addEventListener('keydown', event => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
  if (document.querySelector('dialog[open]')) return
  if (event.key === 'Escape') {
    if (document.body.classList.contains('side-open')) {
      toggleSide(false)
      $('side-open').focus()
    } else conversation.stop()
    return
  }
  if (event.target instanceof Element && event.target.closest('input, textarea, select')) return
  const shortcut = SHORTCUTS[event.key]
  if (!shortcut) return
  event.preventDefault()
  shortcut()
})
$('new').addEventListener('click', event => {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return
  event.preventDefault()
  go(null)
})
$('side-open').addEventListener('click', () => toggleSide(true))
for (const id of ['side-close', 'veil']) $(id).addEventListener('click', () => toggleSide(false))
wide.addEventListener('change', () => toggleSide(false))
$('keys').addEventListener('click', () => $('help').showModal())
$('key-open').addEventListener('click', changeKey)
$('key-forget').addEventListener('click', () => {
  key.forget()
  location.replace(location.pathname)
})
$('key').addEventListener('close', () => {
  $('key-open').hidden = !key.current()
  if (disconnected && key.current()) loadCatalog()
})
$('latest').addEventListener('click', () => scroll.start())
$('permalink').addEventListener('click', () => copy(location.href, $('permalink')))
addEventListener('popstate', openFromUrl)
addEventListener('offline', () =>
  showBanner(
    'offline',
    t('You are offline. A live answer continues when you are connected again.'),
  ),
)
addEventListener('online', () => {
  showBanner('offline', '')
  conversation.sync()
})
document.addEventListener('visibilitychange', () => {
  if (document.hidden) return
  conversation.sync()
  list.refresh()
})
$('key-open').hidden = !key.current()
settings.install(() => composer.chosenAgent)
toggleSide(false)
await Promise.all([embedded.install(), language.show()])
await loadCatalog()
openFromUrl()
list.refresh()
