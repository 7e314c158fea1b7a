// Asks a server by OpenAI's client for JavaScript: node openai.mjs URL
// What was told goes to the standard output as one JSON object; the questions choose the reply.
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: 'none', maxRetries: 0 })
const weather = {
  type: 'function',
  function: {
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}

function asked(content, more = {}) {
  return { model: 'general', messages: [{ role: 'user', content }], ...more }
}

async function stream(content, more) {
  const told = { text: '', reason: null, usage: null, error: null }
  try {
    const chunks = await client.chat.completions.create(asked(content, { stream: true, ...more }))
    for await (const chunk of chunks) {
      told.text += chunk.choices[0]?.delta.content ?? ''
      told.reason = chunk.choices[0]?.finish_reason ?? told.reason
      told.usage = chunk.usage ?? told.usage
    }
  } catch (error) {
    told.error = { kind: error.constructor.name, status: error.status ?? null, code: error.code }
  }
  return told
}

async function whole(content) {
  const answer = await client.chat.completions.create(asked(content))
  return { text: answer.choices[0].message.content, reason: answer.choices[0].finish_reason }
}

// The helper that most programs use: it puts the pieces of a stream together and checks them.
async function call(content) {
  const stream = client.chat.completions.stream(asked(content, { tools: [weather] }))
  const { message, finish_reason: reason } = (await stream.finalChatCompletion()).choices[0]
  return { reason, calls: message.tool_calls.map(call => call.function) }
}

async function leave(content) {
  const chunks = await client.chat.completions.create(asked(content, { stream: true }))
  for await (const chunk of chunks) if (chunk.choices[0]?.delta.content) break
  return 'left'
}

const told = {
  models: (await client.models.list()).data.map(model => model.id),
  stream: await stream('text', { stream_options: { include_usage: true } }),
  silent: await stream('silent'),
  whole: await whole('text'),
  call: await call('tool'),
  refused: await stream('refused'),
  cut: await stream('cut'),
  left: await leave('endless'),
}
console.log(JSON.stringify(told))
process.exit(0)
