// The conversation that is shown, and the runs in it that go on.

import { Announcer } from './announce.js'
import * as api from './api.js'
import { $, el } from './dom.js'
import * as key from './key.js'
import * as memory from './memory.js'
import { noticeFor } from './notices.js'
import { Turn } from './turn.js'

export class Talk {
  id = null
  #turns = []
  #visit = 0 // answers to questions of an earlier one come too late
  #announcer = new Announcer()

  /** `house` has `chosen()`, the agent and model to ask; `opened(id, title)`, `changed()`,
   * `started()`, `ended()`; and the parts `drawer` and `follow`. */
  constructor(house) {
    this.house = house
    this.element = $('turns')
    this.other = new BroadcastChannel('agno-stream') // our other tabs
    this.other.onmessage = ({ data }) => {
      if (data === this.id) this.sync()
      this.house.started()
    }
  }

  get live() {
    return this.#turns.filter(turn => turn.live)
  }

  get questions() {
    return this.#turns.map(turn => turn.question).filter(Boolean)
  }

  /** Show a conversation, or an empty new one for null. */
  async open(id) {
    this.#leave()
    this.id = id
    this.house.opened(id, '')
    this.house.changed()
    if (id) await this.#load()
    else this.#welcome()
  }

  /** Add what happened elsewhere: in another tab, on another machine. */
  async sync() {
    const visit = this.#visit
    if (!this.id) return
    const [live, stored] = await this.#told().catch(() => [[], null])
    if (visit === this.#visit) this.#merge(live, stored)
  }

  async ask(question, messages = null) {
    const turn = this.#add(new Turn(question, this.#scene(this.#visit)))
    const fresh = !this.id
    this.id ??= api.newName()
    if (fresh) this.house.opened(this.id, question, true)
    const { agent, model } = this.house.chosen()
    const body = { message: question, conversation_id: this.id }
    if (agent) body.agent = agent
    if (model) body.model = model
    if (messages) body.messages = messages
    this.house.follow.hold()
    await this.#send(turn, body)
  }

  stop() {
    for (const turn of this.live) turn.stop()
  }

  again(turn = this.#turns.at(-1)) {
    if (!turn || this.live.length) return
    if (turn.body && !turn.runId) return this.#send(turn, turn.body)
    this.ask(turn.question, this.#before(turn))
  }

  cut() {
    for (const turn of this.live) turn.cut()
  }

  get lastAnswer() {
    return this.#turns.at(-1)?.answer
  }

  #leave() {
    this.#visit++
    for (const turn of this.#turns) turn.leave()
    this.#announcer.stop()
    this.#turns = []
    this.element.replaceChildren()
  }

  async #load() {
    const visit = this.#visit
    let live, stored
    try {
      ;[live, stored] = await this.#told()
    } catch (error) {
      if (visit === this.#visit) this.#refuse(error)
      return
    }
    if (visit !== this.#visit) return
    this.#merge(live, stored)
    if (!this.#turns.length) return this.#refuse(new api.ApiError('unknown_conversation', ''))
    this.house.opened(this.id, stored?.title || this.#turns[0].question)
    this.house.follow.hold()
  }

  /** The live runs, and then the conversation: a run that ends in between is in one of them. */
  async #told() {
    const live = await api.live(this.id)
    const stored = await api.conversation(this.id).catch(error => {
      if (error.status === 404) return null
      throw error
    })
    return [live, stored]
  }

  #merge(live, stored) {
    if (this.live.some(turn => !turn.runId)) return // being sent: it would be taken for another's
    const known = new Set(this.#turns.map(turn => turn.runId))
    const running = new Set(live.map(run => run.run_id))
    const past = byRun(stored?.messages ?? [])
    const runs = past.filter(({ runId }) => !running.has(runId))
    for (const asked of memory.recall(this.id, new Set(past.map(({ runId }) => runId)))) {
      if (running.has(asked.runId)) continue
      const before = runs.findIndex(({ runId }) => runId === asked.after)
      runs.splice(before < 0 && asked.after ? runs.length : before + 1, 0, asked)
    }
    runs.push(
      ...live.map(run => ({ runId: run.run_id, question: run.question, address: run.stream_url })),
    )
    for (const { runId, question, answers, address } of runs) {
      if (known.has(runId)) continue
      const turn = this.#add(new Turn(question, this.#scene(this.#visit)))
      if (answers) turn.past(runId, answers)
      else turn.follow(runId, address ?? api.events(runId))
    }
  }

  #add(turn) {
    if (!this.#turns.length) this.element.replaceChildren()
    this.#turns.push(turn)
    this.element.append(turn.element)
    return turn
  }

  async #send(turn, body) {
    const runId = await turn.send(body)
    if (runId) {
      const before = this.#turns[this.#turns.indexOf(turn) - 1]?.runId ?? null
      memory.remember(body.conversation_id, runId, turn.question, before)
      this.other.postMessage(body.conversation_id)
      this.house.started()
    }
  }

  /** What was said before a turn, so that another answer to it does not know the first one. */
  #before(turn) {
    return this.#turns
      .slice(0, this.#turns.indexOf(turn))
      .filter(({ question, text }) => question && text)
      .flatMap(({ question, text }) => [
        { role: 'user', content: question },
        { role: 'assistant', content: text },
      ])
  }

  #scene(visit) {
    const { house } = this
    const here = () => visit === this.#visit
    return {
      id: this.id,
      again: turn => this.again(turn),
      continue: () => this.live.length || this.ask('continue'),
      new: () => house.new(),
      changed: turn => {
        if (!here()) return turn.leave()
        house.changed()
        if (turn.trace) house.drawer.watch(turn.trace)
      },
      said: (_, text) => here() && this.#announcer.add(text),
      event: () => house.drawer.changed(),
      connection: (_, state) => here() && house.drawer.connection(state),
      ended: (turn, reason, error) => {
        if (!here()) return
        house.drawer.usage(turn.usage)
        house.drawer.changed()
        this.#announcer.end(noticeFor(reason, error)?.title ?? '')
        house.changed()
        house.ended()
      },
    }
  }

  #welcome() {
    const { title, lines, ideas } = this.house.welcome()
    this.element.replaceChildren(
      el(
        'div',
        { class: 'welcome' },
        el('h2', {}, title),
        ...lines.map(line => el('p', {}, line)),
        ideas.length > 0 &&
          el(
            'ul',
            { class: 'ideas' },
            ...ideas.map(idea =>
              el(
                'li',
                {},
                el('button', { type: 'button', class: 'quiet', click: () => this.ask(idea) }, idea),
              ),
            ),
          ),
      ),
    )
  }

  #reload() {
    key.again()
    return this.open(this.id)
  }

  #refuse(error) {
    const { title, advice, detail } = noticeFor('error', error)
    const retry = el(
      'button',
      { type: 'button', class: 'quiet', click: () => this.#reload() },
      'Try again',
    )
    const fresh = el(
      'button',
      { type: 'button', class: 'quiet', click: () => this.house.new() },
      'New conversation',
    )
    this.element.replaceChildren(
      el(
        'div',
        { class: 'welcome', role: 'alert' },
        el('h2', {}, title),
        el('p', {}, advice),
        detail && el('p', { class: 'detail' }, detail),
        el('p', { class: 'buttons' }, retry, fresh),
      ),
    )
  }
}

function byRun(messages) {
  const runs = new Map()
  for (const message of messages) {
    const runId = message.run_id
    if (!runs.has(runId)) runs.set(runId, { runId, question: '', answers: [] })
    const run = runs.get(runId)
    if (message.role === 'user') run.question ||= message.content
    else run.answers.push(message)
  }
  return [...runs.values()].map(run =>
    run.answers.length ? run : { ...run, answers: [{ content: '' }] },
  )
}
