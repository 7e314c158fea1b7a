// Sends requests with OpenAI's client for JavaScript: node openai.mjs URL
// Prints the responses as one JSON object. The content of a request selects the reply.
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: 'none', maxRetries: 0 })
const weather = {
  type: 'function',
  function: {
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } } },
  },
}

function request(content, more = {}) {
  return { model: 'general', messages: [{ role: 'user', content }], ...more }
}

async function stream(content, more) {
  const result = { text: '', reason: null, usage: null, error: null }
  try {
    const chunks = await client.chat.completions.create(request(content, { stream: true, ...more }))
    for await (const chunk of chunks) {
      result.text += chunk.choices[0]?.delta.content ?? ''
      result.reason = chunk.choices[0]?.finish_reason ?? result.reason
      result.usage = chunk.usage ?? result.usage
    }
  } catch (error) {
    result.error = { kind: error.constructor.name, status: error.status ?? null, code: error.code }
  }
  return result
}

async function whole(content) {
  const answer = await client.chat.completions.create(request(content))
  return { text: answer.choices[0].message.content, reason: answer.choices[0].finish_reason }
}

// With the helper that most programs use: it joins the chunks of a stream and checks them.
async function call(content) {
  const stream = client.chat.completions.stream(request(content, { tools: [weather] }))
  const { message, finish_reason: reason } = (await stream.finalChatCompletion()).choices[0]
  return { reason, calls: message.tool_calls.map(call => call.function) }
}

async function abort(content) {
  const chunks = await client.chat.completions.create(request(content, { stream: true }))
  for await (const chunk of chunks) if (chunk.choices[0]?.delta.content) break
  return 'aborted'
}

const results = {
  models: (await client.models.list()).data.map(model => model.id),
  stream: await stream('text', { stream_options: { include_usage: true } }),
  silent: await stream('silent'),
  whole: await whole('text'),
  call: await call('tool'),
  refused: await stream('refused'),
  cut: await stream('cut'),
  aborted: await abort('endless'),
}
console.log(JSON.stringify(results))
process.exit(0)
