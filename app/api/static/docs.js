// The reference of the API at /docs, from the server's OpenAPI document.

// @ts-expect-error: the library makes a global of itself, and has no types
globalThis.SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  validatorUrl: null, // else the document is sent to a validator on the Internet
})
