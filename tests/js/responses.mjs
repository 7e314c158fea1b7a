// Sends requests to /v1/responses with OpenAI's client for JavaScript: node responses.mjs URL
// Prints the responses as one JSON object.
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: 'none', maxRetries: 0 })
const weather = {
  type: 'function',
  name: 'weather',
  strict: false,
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
}

function request(input, more = {}) {
  return { model: 'general', input, ...more }
}

async function stream(input, more) {
  const result = { text: '', thoughts: '', last: null, numbers: [], error: null }
  try {
    for await (const event of await client.responses.create(
      request(input, { stream: true, ...more }),
    )) {
      result.numbers.push(event.sequence_number)
      result.last = event.type
      if (event.type === 'response.output_text.delta') result.text += event.delta
      if (event.type === 'response.reasoning_summary_text.delta') result.thoughts += event.delta
    }
  } catch (error) {
    result.error = { kind: error.constructor.name, status: error.status ?? null, code: error.code }
  }
  return result
}

// With the helper that most programs use: it builds the response from the events.
async function call(input) {
  const first = await client.responses.stream(request(input, { tools: [weather] })).finalResponse()
  const results = first.output
    .filter(item => item.type === 'function_call')
    .map(item => ({ type: 'function_call_output', call_id: item.call_id, output: 'Snow' }))
  const more = { tools: [weather], previous_response_id: first.id }
  const second = await client.responses.create(request(results, more))
  return { arguments: first.output.map(item => item.arguments), text: second.output_text }
}

// A stream that is left after some events, and goes on with the next one.
async function resume(input) {
  const seen = []
  let id = null
  const chunks = await client.responses.create(request(input, { stream: true, background: true }))
  for await (const event of chunks) {
    id = event.response?.id ?? id
    seen.push(event)
    if (event.type === 'response.output_text.delta') break
  }
  const after = { stream: true, starting_after: seen.at(-1).sequence_number }
  for await (const event of await client.responses.retrieve(id, after)) seen.push(event)
  const deltas = seen.filter(event => event.type === 'response.output_text.delta')
  return {
    text: deltas.map(event => event.delta).join(''),
    numbers: seen.map(event => event.sequence_number),
  }
}

async function cancel(input) {
  const started = await client.responses.create(request(input, { background: true }))
  const { status } = await client.responses.cancel(started.id)
  await client.responses.delete(started.id)
  return { started: started.status, status }
}

const results = {
  stream: await stream('text'),
  silent: await stream('silent'),
  call: await call('tool'),
  refused: await stream('refused'),
  cut: await stream('cut'),
  resumed: await resume('numbers'),
  cancelled: await cancel('endless'),
}
console.log(JSON.stringify(results))
process.exit(0)
