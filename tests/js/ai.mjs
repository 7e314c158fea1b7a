// Chats as a page does with Vercel's AI SDK: node ai.mjs URL PACKAGE (ai or ai6)
// Prints what the page shows as one JSON object. The agents are those of test_javascript.py.
import { State, text } from './page.mjs'

const [URL, PACKAGE] = process.argv.slice(2)
const sdk = await import(PACKAGE)
const API = `${URL}/ai/chat`

class Chat extends sdk.AbstractChat {
  constructor({ body, last, ...init }) {
    const transport = new sdk.DefaultChatTransport({
      api: API,
      body,
      ...(last && {
        prepareSendMessagesRequest: ({ id, messages, trigger, messageId }) => ({
          body: { ...body, id, message: messages.at(-1), trigger, messageId },
        }),
      }),
    })
    super({ ...init, transport, state: new State() })
  }
}

let count = 0
function chat(init = {}) {
  count += 1
  return new Chat({ id: `${PACKAGE}-${count}`, ...init })
}

const tools = message =>
  (message?.parts ?? [])
    .filter(part => part.type.startsWith('tool-'))
    .map(({ type, state, input, output, errorText, approval }) =>
      JSON.parse(
        JSON.stringify({ type, state, input, output, errorText, approved: approval?.approved }),
      ),
    )

function shown(page) {
  const last = page.lastMessage
  const { runId, conversationId, ...metadata } = last?.metadata ?? {}
  return {
    roles: page.messages.map(message => message.role),
    text: text(last),
    reasoning: (last?.parts ?? [])
      .filter(part => part.type === 'reasoning')
      .map(part => part.text)
      .join('|'),
    tools: tools(last),
    metadata,
    conversation: conversationId === page.id,
    types: (last?.parts ?? []).map(part => part.type),
    states: [...new Set((last?.parts ?? []).map(part => part.state).filter(Boolean))],
    status: page.status,
    error: page.error?.message ?? null,
  }
}

// Until the answer has begun.
async function begun(page) {
  while (page.lastMessage?.role !== 'assistant' || text(page.lastMessage).length < 5)
    await new Promise(resolve => setTimeout(resolve, 5))
}

async function settled(page, done) {
  for (
    let n = 0;
    n < 600 && !(page.status !== 'submitted' && page.status !== 'streaming' && done(page));
    n++
  )
    await new Promise(resolve => setTimeout(resolve, 10))
}

async function say(init, words = 'Hello?', more = {}) {
  const page = chat(init)
  await page.sendMessage({ text: words, ...more })
  return shown(page)
}

const weather = {
  weather: {
    description: 'The weather.',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}

// The page runs the tool, and sends the message again by itself.
async function clientTool(last) {
  const page = chat({
    body: { tools: weather },
    last,
    sendAutomaticallyWhen: sdk.lastAssistantMessageIsCompleteWithToolCalls,
    onToolCall: ({ toolCall }) => {
      page.addToolOutput({
        tool: toolCall.toolName,
        toolCallId: toolCall.toolCallId,
        output: { sky: 'snow', city: toolCall.input.city },
      })
    },
  })
  await page.sendMessage({ text: 'The weather?' })
  await settled(page, () => text(page.lastMessage) !== '')
  return shown(page)
}

async function approval(approved, last) {
  const page = chat({
    body: { model: 'clerk' },
    last,
    sendAutomaticallyWhen: sdk.lastAssistantMessageIsCompleteWithApprovalResponses,
  })
  await page.sendMessage({ text: 'Please.' })
  const first = shown(page)
  const part = page.lastMessage.parts.find(part => part.state === 'approval-requested')
  await page.addToolApprovalResponse({ id: part.approval.id, approved, reason: 'Because.' })
  await settled(page, () => text(page.lastMessage).includes('done'))
  return { first, second: shown(page) }
}

// A page that is loaded anew while the answer is being written.
async function resume() {
  const first = chat({ body: { on_disconnect: 'continue' } })
  const sending = first.sendMessage({ text: 'Count.' })
  await begun(first)
  const seen = text(first.lastMessage)
  await first.stop()
  await sending
  const again = new Chat({ id: first.id })
  again.state.messages = structuredClone(first.messages)
  await again.resumeStream()
  const none = new Chat({ id: first.id })
  await none.resumeStream()
  return { seen, again: shown(again), none: shown(none) }
}

async function stop() {
  const page = chat()
  const sending = page.sendMessage({ text: 'Count.' })
  await begun(page)
  const reply = await fetch(`${API}/${page.id}/stop`, { method: 'POST' })
  await sending
  return { stopped: (await reply.json()).stopped.length, ...shown(page) }
}

async function twice(last) {
  const page = chat({ last })
  await page.sendMessage({ text: 'First.' })
  await page.sendMessage({ text: 'Second.' })
  const before = shown(page)
  await page.regenerate()
  return { before, after: shown(page) }
}

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg'
const image = `data:image/png;base64,${PIXEL}==`

const results = {
  text: await say({}),
  silent: await say({}),
  tool: await say({}, 'Shout.'),
  picture: await say({}, 'Look.', {
    files: [{ type: 'file', mediaType: 'image/png', filename: 'a.png', url: image }],
  }),
  clientTool: [await clientTool(false), await clientTool(true)],
  approved: [await approval(true, false), await approval(true, true)],
  denied: await approval(false, false),
  refused: await say({}),
  cut: await say({}),
  unknown: await say({ body: { model: 'nobody' } }),
  twice: [await twice(false), await twice(true)],
  resumed: await resume(),
  stopped: await stop(),
}
console.log(JSON.stringify(results))
process.exit(0)
