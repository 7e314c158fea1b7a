// A page in React with Vercel's AI SDK: its `useChat` speaks to the server's door /ai/chat.
//
// Shows: a streamed answer, the agent's tools, an approval, stop, and an answer that goes on after a
// reload.
// Run, in the folder examples:
//   CORS_ORIGINS=http://127.0.0.1:5173 agno-stream serve --agents one_agent:assistant,approval:clerk
// and in this folder: npm install && npm start
// Open http://127.0.0.1:5173, and ask: What is the weather in Oslo?

import { useChat } from '@ai-sdk/react'
import {
  DefaultChatTransport,
  getToolName,
  isToolUIPart,
  lastAssistantMessageIsCompleteWithApprovalResponses,
} from 'ai'
import { useState } from 'react'
import { createRoot } from 'react-dom/client'

const page = new URLSearchParams(location.search)
const server = page.get('server') ?? 'http://127.0.0.1:8000'
const agent = page.get('agent') ?? 'assistant'

// The conversation's id is kept, so that a reload finds the answer that is being written.
sessionStorage.id ??= crypto.randomUUID()

function Tool({ part, approve }) {
  return (
    <div className="tool">
      <code>{getToolName(part)}</code> {JSON.stringify(part.input)} {part.state}
      {part.state === 'approval-requested' && (
        <>
          <button onClick={() => approve(part.approval.id, true)}>Approve</button>
          <button onClick={() => approve(part.approval.id, false)}>Deny</button>
        </>
      )}
    </div>
  )
}

function Chat() {
  const [text, setText] = useState('')
  const { messages, sendMessage, status, stop, error, addToolApprovalResponse } = useChat({
    id: sessionStorage.id,
    resume: true,
    transport: new DefaultChatTransport({ api: `${server}/ai/chat`, body: { model: agent } }),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  })
  const approve = (id, approved) => addToolApprovalResponse({ id, approved })
  const send = event => {
    event.preventDefault()
    sendMessage({ text })
    setText('')
  }
  return (
    <main>
      {messages.map(message => (
        <section key={message.id} className={message.role}>
          {message.parts.map((part, n) => {
            if (part.type === 'text') return <p key={n}>{part.text}</p>
            return isToolUIPart(part) && <Tool key={n} part={part} approve={approve} />
          })}
        </section>
      ))}
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={send}>
        <input aria-label="Your question" value={text} onChange={e => setText(e.target.value)} />
        {status === 'streaming' ? (
          <button type="button" onClick={stop}>Stop</button>
        ) : (
          <button>Send</button>
        )}
      </form>
    </main>
  )
}

createRoot(document.getElementById('page')).render(<Chat />)
