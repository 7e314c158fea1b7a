// Runs in the frame of `diagram.html`: draws the diagram of the page, and reports its height.

const { mermaid } = /** @type {any} */ (globalThis)

addEventListener('message', async ({ source: from, data }) => {
  if (from !== parent || typeof data?.source !== 'string') return
  try {
    mermaid.initialize({
      startOnLoad: false,
      securityLevel: 'strict',
      htmlLabels: false, // no HTML of the model's, not even broken pictures
      flowchart: { htmlLabels: false },
      theme: data.dark ? 'dark' : 'default',
      maxTextSize: 20_000,
      maxEdges: 300,
      suppressErrorRendering: true,
    })
    const { svg } = await mermaid.render('diagram', data.source)
    const parsed = new DOMParser().parseFromString(svg, 'text/html').body.firstElementChild
    if (!parsed) throw new Error('Mermaid drew nothing')
    document.body.replaceChildren(parsed)
    parent.postMessage({ height: document.body.scrollHeight }, '*')
  } catch (error) {
    parent.postMessage({ failed: String(error) }, '*')
  }
})
parent.postMessage({ ready: true }, '*')
