// What a page of Vercel's AI SDK has beside the SDK, for the scripts that chat as one.

// What useChat keeps for React.
export class State {
  messages = []
  status = 'ready'
  error = undefined
  pushMessage = message => {
    this.messages = [...this.messages, message]
  }
  popMessage = () => {
    this.messages = this.messages.slice(0, -1)
  }
  replaceMessage = (index, message) => {
    this.messages = this.messages.with(index, structuredClone(message))
  }
  snapshot = value => structuredClone(value)
}

export const text = message =>
  (message?.parts ?? [])
    .filter(part => part.type === 'text')
    .map(part => part.text)
    .join('|')
