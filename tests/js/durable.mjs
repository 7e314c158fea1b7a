// Reads runs with the client of Durable Streams for JavaScript: node durable.mjs URL
// Prints what it received as one JSON object.
import { DurableStream, stream } from '@durable-streams/client'

const SERVER = process.argv[2]
const WAYS = [false, true, 'long-poll', 'sse']

async function post(path, body = {}) {
  const headers = { 'Content-Type': 'application/json' }
  const reply = await fetch(SERVER + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return await reply.json()
}

async function start() {
  const run = await post('/api/v1/chat', { message: 'x', background: true })
  return { id: run.run_id, url: `${SERVER}/api/v1/runs/${run.run_id}/stream` }
}

function text(chunks) {
  return chunks.map(chunk => chunk.content).join('')
}

// A live run, followed to its end.
async function follow(live) {
  const { url } = await start()
  const chunks = []
  for await (const chunk of (await stream({ url, live })).jsonStream()) chunks.push(chunk)
  return { text: text(chunks), ends: chunks.filter(chunk => chunk.done).length }
}

// From each offset that the client was given, what follows.
async function resume(live) {
  const { url } = await start()
  const batches = []
  const reading = await stream({ url, live: 'sse' })
  reading.subscribeJson(batch => {
    batches.push(batch)
  })
  await reading.closed
  const every = batches.flatMap(batch => batch.items)
  const wrong = []
  let seen = 0
  for (const { items, offset } of batches) {
    seen += items.length
    const rest = await (await stream({ url, offset, live })).json()
    if (JSON.stringify(rest) !== JSON.stringify(every.slice(seen))) wrong.push(offset)
  }
  return { text: text(every), cuts: batches.length > 3, closed: batches.at(-1).streamClosed, wrong }
}

async function head() {
  const { id, url } = await start()
  const open = await DurableStream.head({ url })
  await post(`/api/v1/runs/${id}/cancel`)
  const closed = await DurableStream.head({ url })
  return { type: open.contentType, open: open.streamClosed, closed: closed.streamClosed }
}

// A run that is cancelled while its reader waits.
async function end(live) {
  const { id, url } = await start()
  const chunks = []
  for await (const chunk of (await stream({ url, live })).jsonStream()) {
    chunks.push(chunk)
    if (chunk.content) await post(`/api/v1/runs/${id}/cancel`)
  }
  return chunks.at(-1).finish_reason
}

async function refused(path, offset) {
  try {
    await stream({ url: `${SERVER}/api/v1/runs/${path}/stream`, offset, live: false })
    return null
  } catch (error) {
    return error.status
  }
}

const results = { followed: [], resumed: [], ended: [] }
for (const live of WAYS.slice(1)) results.followed.push(await follow(live))
for (const live of WAYS) results.resumed.push(await resume(live))
for (const live of WAYS.slice(1)) results.ended.push(await end(live))
results.head = await head()
results.unknown = await refused('none', '-1')
results.wrong = await refused((await start()).id, 'x')
console.log(JSON.stringify(results))
process.exit(0)
