// What the open conversation does with what its turns report.

import { fork } from './branches.js'
import * as memory from './memory.js'
import { noticeFor } from './notices.js'

/** @import { Announcer } from './announce.js' */
/** @import { Conversation } from './conversation.js' */
/** @import { TurnListener } from './page.js' */

/** Reasons after which the server may not have stored the turn. */
const UNSURE = new Set(['error', 'interrupted', 'unknown_run'])

/**
 * The listener of a turn.
 * @param {Conversation} conversation
 * @param {Announcer} announcer
 * @param {() => boolean} isOpen whether the conversation still shows the turn
 * @returns {TurnListener}
 */
export function turnListener(conversation, announcer, isOpen) {
  const { page, otherTabs } = conversation
  return {
    conversationId: conversation.id,
    retry: turn => conversation.retry(turn),
    edit: (turn, text) => conversation.edit(turn, text),
    select: (runId, direction) => conversation.select(runId, direction),
    continue: () => conversation.live.length || conversation.send('continue'),
    fork: turn => fork(conversation, turn),
    new: () => page.go(null),
    send: text => conversation.send(text),
    reload: () => conversation.open(conversation.id),
    decided: () => {
      otherTabs.postMessage(conversation.id)
      page.listChanged()
    },
    isNext: turn => turn === conversation.live[0],
    changed: turn => {
      if (!isOpen()) {
        turn.leave()
        return
      }
      page.changed()
      if (turn.trace) page.drawer.watch(turn.trace)
    },
    text: text => {
      if (isOpen()) announcer.add(text)
    },
    event: () => page.drawer.changed(),
    connection: (state, turn) => {
      if (isOpen()) page.drawer.connection(state, turn.trace)
    },
    ended: (turn, reason, error) => {
      const { runId, ending } = turn
      const isStored = !UNSURE.has(reason) && ending.stored !== false
      if (runId && isStored) memory.drop(new Set([runId]))
      if (!isOpen()) return
      page.drawer.ended(turn.ending, turn.trace)
      page.drawer.changed()
      conversation.live[0]?.showWait()
      announcer.end(String(noticeFor(reason, error)?.title ?? ''))
      page.changed()
      page.listChanged()
    },
  }
}
