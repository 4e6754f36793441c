// What a program does with OpenAI's own package, against the edge at CECOLLM_API; the metrics are at
// CECOLLM_METRICS. Fails at the first thing that is not as it should be.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

const require = createRequire(process.env.CECOLLM_NODE_MODULES + '/')
const { default: OpenAI, BadRequestError, NotFoundError } = require('openai')
const client = new OpenAI({ baseURL: process.env.CECOLLM_API + '/v1', apiKey: 'none', maxRetries: 0 })
const question = { model: 'default', temperature: 0, max_completion_tokens: 24,
  messages: [{ role: 'user', content: 'What is the capital of France?' }] }

const models = []
for await (const model of client.models.list()) models.push(model.id)
assert.deepEqual(models, ['default'])

// Whole.
const whole = await client.chat.completions.create(question)
assert.equal(whole.object, 'chat.completion')
assert.equal(whole.choices[0].message.role, 'assistant')
assert.match(whole.choices[0].message.content, /Paris/)
assert.equal(whole.choices[0].finish_reason, 'stop')
assert.equal(whole.choices[0].message.tool_calls, undefined)
assert.equal(whole.usage.total_tokens, whole.usage.prompt_tokens + whole.usage.completion_tokens)

// Streamed.
const chunks = []
const stream = await client.chat.completions.create(
  { ...question, stream: true, stream_options: { include_usage: true } })
for await (const chunk of stream) chunks.push(chunk)
assert.equal(chunks[0].choices[0].delta.role, 'assistant')
assert.deepEqual(chunks.at(-1).choices, [])
assert.deepEqual(chunks.at(-1).usage, whole.usage)
const pieces = chunks.slice(0, -1).map(chunk => chunk.choices[0])
assert.equal(pieces.map(piece => piece.delta.content ?? '').join(''), whole.choices[0].message.content)
assert.equal(pieces.at(-1).finish_reason, 'stop')
assert.ok(pieces.slice(0, -1).every(piece => piece.finish_reason === null))
assert.equal(new Set(chunks.map(chunk => chunk.id)).size, 1)

// The package's own way of putting a stream together.
const final = await client.chat.completions.stream(question).finalChatCompletion()
assert.equal(final.choices[0].message.content, whole.choices[0].message.content)

// Choices, alternatives, our own key.
const rich = await client.chat.completions.create({ ...question, n: 2, logprobs: true, top_logprobs: 2,
  messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
  cecollm: { threshold: 0.5 } })
assert.equal(rich.choices.length, 2)
for (const choice of rich.choices) {
  assert.ok(choice.logprobs.content.length > 0)
  assert.equal(choice.logprobs.content[0].top_logprobs.length, 2)
  assert.equal(choice.cecollm.tokens.length, choice.logprobs.content.length)
}

// Completions.
const story = await client.completions.create({ model: 'default', prompt: 'Once upon a time', max_tokens: 8, temperature: 0 })
let told = ''
for await (const chunk of await client.completions.create(
  { model: 'default', prompt: 'Once upon a time', max_tokens: 8, temperature: 0, stream: true })) {
  told += chunk.choices[0].text
}
assert.equal(told, story.choices[0].text)

// Errors are the package's own.
const tools = [{ type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } }]
await assert.rejects(client.chat.completions.create({ ...question, tools }),
  error => error instanceof BadRequestError && error.param === 'tools')
await assert.rejects(client.chat.completions.create({ ...question, model: 'large' }),
  error => error instanceof NotFoundError && error.code === 'model_not_found')
await client.chat.completions.create({ ...question, tools: [], tool_choice: 'none' })

// A stream that its reader leaves.
const cancelled = async () => {
  const text = await (await fetch(process.env.CECOLLM_METRICS + '/metrics')).text()
  return text.split('\n').filter(line => line.startsWith('cecollm_generations_total{') && line.includes('outcome="cancelled"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
assert.equal(await cancelled(), 0)
const left = await client.completions.create(
  { model: 'default', prompt: 'Once', max_tokens: 450, stream: true, ignore_eos: true })
for await (const chunk of left) {
  assert.ok(chunk.id)
  left.controller.abort()
  break
}
const give_up = Date.now() + 30_000
while (await cancelled() === 0) assert.ok(Date.now() < give_up, 'the generation was not cancelled')
console.log('all as it should be')
