// Asks a server by Ollama's client for JavaScript: node ollama.mjs URL
// What was told goes to the standard output as one JSON object; the questions choose the reply.
import { Ollama } from 'ollama'

const client = new Ollama({ host: process.argv[2] })
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
  const told = { text: '', thinking: '', reason: null, counts: null, calls: [], error: null }
  try {
    for await (const part of await client.chat(asked(content, { stream: true, ...more }))) {
      told.text += part.message.content
      told.thinking += part.message.thinking ?? ''
      told.calls.push(...(part.message.tool_calls ?? []).map(call => call.function))
      if (part.done) {
        told.reason = part.done_reason
        told.counts = [part.prompt_eval_count, part.eval_count]
      }
    }
  } catch (error) {
    told.error = { kind: error.name, status: error.status_code ?? null, said: error.message }
  }
  return told
}

async function generate(prompt) {
  let text = ''
  for await (const part of await client.generate({ model: 'general', prompt, stream: true })) {
    text += part.response
  }
  return text
}

async function leave(content) {
  const parts = await client.chat(asked(content, { stream: true }))
  try {
    for await (const part of parts) if (part.message.content) parts.abort()
  } catch (error) {
    return error.name
  }
  return 'ended'
}

async function refused(ask) {
  return ask().then(
    () => null,
    error => ({ status: error.status_code, said: error.message }),
  )
}

const shown = await client.show({ model: 'general' })
const told = {
  version: (await client.version()).version,
  models: (await client.list()).models.map(model => model.name),
  loaded: (await client.ps()).models.map(model => model.name),
  shown: [shown.capabilities, shown.model_info['general.architecture']],
  stream: await stream('text'),
  silent: await stream('silent'),
  whole: (await client.chat(asked('text'))).message.content,
  generated: [
    await generate('text'),
    (await client.generate({ model: 'general', prompt: 'text' })).response,
  ],
  call: await stream('tool', { tools: [weather] }),
  refused: await stream('refused'),
  cut: await stream('cut'),
  unknown: await refused(() => client.show({ model: 'no' })),
  weights: await refused(() => client.pull({ model: 'llama3.2' })),
  left: await leave('endless'),
}
console.log(JSON.stringify(told))
process.exit(0)
