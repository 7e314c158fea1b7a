// Which turns of a conversation wait for a person, or go on because somebody has decided.

import * as api from './api.js'

/** @import { Requirement } from './requirements.js' */
/** @import { LiveRun, Message, RunState } from './wire.js' */

/**
 * How a paused turn stands: `requirements` of the run that waits, or else the run that goes on and
 * the address of its stream. `missing` is its agent, if the server does not have it any more.
 * @typedef {{runId: string, requirements?: Requirement[], url?: string, missing?: string}} Standing
 */

const MAX_CHAIN = 50 // runs that continue one another

/**
 * How each turn stands that is stored as paused, by the run that it is stored with. `taken` are all
 * runs that belong to a stored turn, though they have another id, or to one on another branch.
 * @param {LiveRun[]} runs those that are active or paused
 * @param {Message[]} messages the stored ones
 */
export async function findStandings(runs, messages) {
  const stored = new Set(messages.map(message => message.run_id))
  const paused = new Set(messages.filter(isPaused).map(message => message.run_id))
  /** @type {Map<string, Standing>} */
  const standings = new Map()
  /** @type {Set<string>} */
  const taken = new Set()
  const branched = messages.some(message => message.siblings)
  for (const run of runs) {
    const { first, continues } = await firstOf(run.run_id, stored)
    if (!first) {
      if (branched && (continues || run.status === 'paused')) taken.add(run.run_id)
      continue
    }
    if (paused.has(first)) standings.set(first, standingOf(run))
    if (first !== run.run_id || run.status === 'paused') taken.add(run.run_id)
  }
  for (const first of paused) {
    if (standings.has(first)) continue
    const next = await lastOf(first)
    if (next) standings.set(first, next)
  }
  await markMissing([...standings.values()], runs)
  return { standings, taken }
}

/**
 * Note which turns wait for an agent that the server does not have any more.
 * @param {Standing[]} standings
 * @param {LiveRun[]} runs
 */
async function markMissing(standings, runs) {
  const waiting = standings.filter(({ requirements }) => requirements?.length)
  if (!waiting.length) return
  const agents = await api.listAgents().catch(() => null)
  for (const standing of waiting) {
    const agent = runs.find(({ run_id }) => run_id === standing.runId)?.agent
    if (agents && agent && !agents.some(({ id }) => id === agent)) standing.missing = agent
  }
}

/** @param {Message} message */
function isPaused({ finish_reason }) {
  return finish_reason === 'paused'
}

/**
 * @param {LiveRun} run
 * @returns {Standing}
 */
function standingOf({ run_id, status, requirements, stream_url }) {
  return status === 'paused' ? { runId: run_id, requirements } : { runId: run_id, url: stream_url }
}

/**
 * The stored run that a run is, or continues, perhaps by way of others; null if it is not stored,
 * or not on the branch that is shown.
 * @param {string} runId
 * @param {Set<string>} stored
 * @returns {Promise<{first: string | null, continues: boolean}>}
 */
async function firstOf(runId, stored) {
  /** @type {string | undefined} */
  let found = runId
  let steps = 0
  for (; found && !stored.has(found) && steps < MAX_CHAIN; steps++) {
    found = (await stateOf(found))?.continues
  }
  return { first: found && stored.has(found) ? found : null, continues: steps > 1 }
}

/**
 * The newest of the runs that continue one another.
 * @param {string} runId
 * @returns {Promise<Standing | null>} null if the server no longer knows
 */
async function lastOf(runId) {
  let state = await stateOf(runId)
  let id = runId
  for (let steps = 0; state?.continued_by && steps < MAX_CHAIN; steps++) {
    id = state.continued_by
    state = await stateOf(id)
  }
  if (!state) return null
  if (state.status === 'paused') return { runId: id, requirements: state.requirements }
  return id === runId ? null : { runId: id, url: await api.signedStreamUrl(id) }
}

/**
 * @param {string} runId
 * @returns {Promise<RunState | null>}
 */
function stateOf(runId) {
  return api.getRun(runId).catch((/** @type {api.ApiError} */ error) => {
    if (error.status === 404) return null
    throw error
  })
}
