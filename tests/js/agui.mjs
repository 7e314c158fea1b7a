// AG-UI's own client, and TanStack AI's, which resumes: node agui.mjs URL
// Prints what they received as one JSON object.
import { HttpAgent } from '@ag-ui/client'
import { fetchServerSentEvents } from '@tanstack/ai-client'

const SERVER = process.argv[2]
const WEATHER = { name: 'weather', description: 'The weather', parameters: { type: 'object' } }

function agentWith(content, fields = {}) {
  const agent = new HttpAgent({ url: `${SERVER}/agui`, ...fields })
  agent.messages = [{ id: 'u1', role: 'user', content }]
  return agent
}

async function run(agent, parameters = {}) {
  const seen = { kinds: [], outcome: null, error: null }
  const subscriber = {
    onEvent: ({ event }) => {
      seen.kinds.push(event.type)
    },
    onRunFinishedEvent: ({ outcome, pendingToolCallIds }) => {
      seen.outcome = outcome
      seen.pending = pendingToolCallIds
    },
    onRunErrorEvent: ({ event }) => {
      seen.error = event.code
    },
  }
  try {
    const { newMessages } = await agent.runAgent(parameters, subscriber)
    seen.roles = newMessages.map(message => message.role)
    const texts = newMessages.filter(message => message.role === 'assistant')
    seen.text = texts.map(message => message.content ?? '').join('')
  } catch (error) {
    seen.thrown = error.message
    seen.status = error.status
  }
  return seen
}

async function stream() {
  return await run(agentWith('Hello?', { initialState: { words: [] } }))
}

async function frontend() {
  const agent = agentWith('The weather?')
  const first = await run(agent, { tools: [WEATHER] })
  for (const id of first.pending) {
    agent.messages.push({ id: `t${id}`, role: 'tool', toolCallId: id, content: 'sunny' })
  }
  const second = await run(agent, { tools: [WEATHER] })
  return { first, second }
}

async function pause() {
  const agent = agentWith('Refund it.')
  const first = await run(agent)
  const interrupts = agent.pendingInterrupts
  const uncovered = await run(agent)
  const resume = interrupts.map(({ id }) => {
    return { interruptId: id, status: 'resolved', payload: { approved: true } }
  })
  const second = await run(agent, { resume })
  const results = agent.messages.filter(message => message.role === 'tool')
  return { first, uncovered, interrupts, second, results: results.map(m => m.content) }
}

async function leave() {
  const agent = agentWith('Hello?')
  let text = ''
  const subscriber = {
    onTextMessageContentEvent: ({ event }) => {
      text += event.delta
      agent.abortRun()
    },
  }
  await agent.runAgent({}, subscriber).catch(() => {})
  return text.length > 0
}

// The connection is lost after some bytes, each time, until the run has ended.
function cutting(bytes, requests) {
  return async (url, init) => {
    const reply = await fetch(url, init)
    requests.push(init.headers['Last-Event-ID'] ?? null)
    const reader = reply.body.getReader()
    let left = bytes
    const body = new ReadableStream({
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done) return controller.close()
        controller.enqueue(value.slice(0, left))
        left -= value.length
        if (left <= 0) {
          await reader.cancel()
          controller.error(new TypeError('the connection is lost'))
        }
      },
    })
    return new Response(body, { status: reply.status, headers: reply.headers })
  }
}

async function tanstack() {
  const requests = []
  const options = { fetchClient: cutting(2000, requests), reconnect: { delayMs: 10 } }
  const connection = fetchServerSentEvents(`${SERVER}/agui`, options)
  const names = { threadId: 'tanstack', runId: 'tanstack-1' }
  const messages = [{ id: 'u1', role: 'user', parts: [{ type: 'text', content: 'Hello?' }] }]
  const chunks = []
  for await (const chunk of connection.connect(messages, {}, undefined, names)) chunks.push(chunk)
  const joined = []
  const plain = fetchServerSentEvents(`${SERVER}/agui`)
  for await (const chunk of plain.joinRun('tanstack-1')) joined.push(chunk)
  const text = some => some.map(chunk => chunk.delta ?? '').join('')
  return {
    text: text(chunks),
    joined: text(joined),
    same: JSON.stringify(chunks) === JSON.stringify(joined),
    last: chunks.at(-1).type,
    requests,
  }
}

const results = {
  stream: await stream(),
  frontend: await frontend(),
  pause: await pause(),
  failed: await run(agentWith('Hello?')),
  refused: await run(agentWith(' ')),
  tanstack: await tanstack(),
  left: await leave(),
}
console.log(JSON.stringify(results))
process.exit(0)
