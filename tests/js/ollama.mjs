// Sends requests with Ollama's client for JavaScript: node ollama.mjs URL
// Prints the responses as one JSON object. The content of a request selects the reply.
import { Ollama } from 'ollama'

const client = new Ollama({ host: process.argv[2] })
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
  const result = { text: '', thinking: '', reason: null, counts: null, calls: [], error: null }
  try {
    for await (const part of await client.chat(request(content, { stream: true, ...more }))) {
      result.text += part.message.content
      result.thinking += part.message.thinking ?? ''
      result.calls.push(...(part.message.tool_calls ?? []).map(call => call.function))
      if (part.done) {
        result.reason = part.done_reason
        result.counts = [part.prompt_eval_count, part.eval_count]
      }
    }
  } catch (error) {
    result.error = { kind: error.name, status: error.status_code ?? null, message: error.message }
  }
  return result
}

async function generate(prompt) {
  let text = ''
  for await (const part of await client.generate({ model: 'general', prompt, stream: true })) {
    text += part.response
  }
  return text
}

async function abort(content) {
  const parts = await client.chat(request(content, { stream: true }))
  try {
    for await (const part of parts) if (part.message.content) parts.abort()
  } catch (error) {
    return error.name
  }
  return 'ended'
}

async function errorOf(send) {
  return send().then(
    () => null,
    error => ({ status: error.status_code, message: error.message }),
  )
}

const shown = await client.show({ model: 'general' })
const results = {
  version: (await client.version()).version,
  models: (await client.list()).models.map(model => model.name),
  loaded: (await client.ps()).models.map(model => model.name),
  shown: [shown.capabilities, shown.model_info['general.architecture']],
  stream: await stream('text'),
  silent: await stream('silent'),
  whole: (await client.chat(request('text'))).message.content,
  generated: [
    await generate('text'),
    (await client.generate({ model: 'general', prompt: 'text' })).response,
  ],
  call: await stream('tool', { tools: [weather] }),
  refused: await stream('refused'),
  cut: await stream('cut'),
  unknown: await errorOf(() => client.show({ model: 'no' })),
  weights: await errorOf(() => client.pull({ model: 'llama3.2' })),
  aborted: await abort('endless'),
}
console.log(JSON.stringify(results))
process.exit(0)
