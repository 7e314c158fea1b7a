// Watches a run as a page with Vercel's AI SDK does: node recovered.mjs API PACKAGE CHAT
// Prints what the page shows when the second step of the answer has begun, and at the end of each
// stream, in lines. After an error the page comes back once.
import { State, text } from './page.mjs'

const [API, PACKAGE, CHAT] = process.argv.slice(2)
const sdk = await import(PACKAGE)

class Chat extends sdk.AbstractChat {
  constructor() {
    super({ id: CHAT, transport: new sdk.DefaultChatTransport({ api: API }), state: new State() })
  }
}

const page = new Chat()
const show = () => {
  const parts = page.lastMessage?.parts ?? []
  const shown = {
    text: text(page.lastMessage),
    tools: parts.filter(part => part.type.startsWith('tool-')).map(part => part.output),
    roles: page.messages.map(message => message.role),
    status: page.status,
  }
  console.log(JSON.stringify(shown))
}

const watching = page.resumeStream()
while (!text(page.lastMessage).includes('|Step 1 '))
  await new Promise(resolve => setTimeout(resolve, 5))
show()
await watching
show()
if (page.status === 'error') {
  await page.resumeStream()
  show()
}
process.exit(0)
