import { assert, describe, it } from "@effect/vitest"
import { modelServer } from "./ModelServer.ts"
import { shared } from "./shared.ts"

const server = shared(modelServer())

const schema = { type: "object", properties: {} }
const call = { type: "function", function: { name: "t", arguments: "{}" } }
const asked = { role: "user", content: "hi" }
const paths = {
  chat: "/v1/chat/completions",
  responses: "/v1/responses",
  messages: "/v1/messages",
  gemini: "/v1beta/models/scripted:streamGenerateContent"
}

const chat = (messages: ReadonlyArray<unknown>, tools?: unknown) => ({
  model: "scripted",
  stream: true,
  messages,
  tools
})
const chatTool = (name: string, parameters: unknown) => [
  { type: "function", function: { name, description: "", parameters } }
]
const responses = (input: ReadonlyArray<unknown>, more: object = {}) => ({
  model: "scripted",
  stream: true,
  store: false,
  input: [asked, ...input],
  ...more
})
const messages = (list: ReadonlyArray<unknown>, more: object = {}) => ({
  model: "scripted",
  stream: true,
  max_tokens: 10,
  messages: [asked, ...list],
  ...more
})
const gemini = (contents: ReadonlyArray<unknown>, more: object = {}) => ({
  contents: [{ role: "user", parts: [{ text: "hi" }] }, ...contents],
  ...more
})
const use = { type: "tool_use", id: "c1", name: "t", input: {} }
const made = { role: "model", parts: [{ functionCall: { name: "t", args: {} } }] }

/** What real servers refuse: the API, the request, and their words. */
const refused: ReadonlyArray<readonly [what: string, api: keyof typeof paths, body: unknown, words: string]> =
  [
    [
      "an orphan result",
      "chat",
      chat([asked, { role: "tool", tool_call_id: "c1", content: "x" }]),
      "must be a response to a preceding message"
    ],
    [
      "a call without a result",
      "chat",
      chat([asked, { role: "assistant", tool_calls: [{ ...call, id: "c1" }] }, asked]),
      "did not have response messages: c1"
    ],
    [
      "an empty answer",
      "chat",
      chat([asked, { role: "assistant", content: null }, asked]),
      "expected a string, got null"
    ],
    ["a bad name", "chat", chat([asked], chatTool("a.b c", schema)), "does not match pattern"],
    [
      "a name twice",
      "chat",
      chat([asked], [...chatTool("t", schema), ...chatTool("t", schema)]),
      "must be unique"
    ],
    [
      "a schema of no object",
      "chat",
      chat([asked], chatTool("t", {})),
      "must be a JSON Schema of 'type: \"object\"'"
    ],
    [
      "alternatives at the top",
      "chat",
      chat([asked], chatTool("t", { type: "object", anyOf: [] })),
      "not have 'oneOf'"
    ],
    [
      "an array of nothing",
      "chat",
      chat([asked], chatTool("t", { type: "object", properties: { a: { type: "array" } } })),
      "array schema missing items"
    ],
    ["an unknown model", "chat", { ...chat([asked]), model: "gone" }, "does not exist"],
    [
      "an orphan result",
      "responses",
      responses([{ type: "function_call_output", call_id: "c1", output: "x" }]),
      "No tool call found"
    ],
    [
      "a call without a result",
      "responses",
      responses([{ type: "function_call", call_id: "c1", name: "t", arguments: "{}" }]),
      "No tool output found"
    ],
    [
      "a reference to what is not stored",
      "responses",
      responses([{ type: "item_reference", id: "rs_1" }]),
      "Items are not persisted"
    ],
    ["a conversation to be stored", "responses", responses([], { store: true }), "'store' to be false"],
    ["no max_tokens", "messages", messages([], { max_tokens: undefined }), "max_tokens: Field required"],
    [
      "an orphan result",
      "messages",
      messages([{ role: "user", content: [{ type: "tool_result", tool_use_id: "c1" }] }]),
      "unexpected `tool_use_id`"
    ],
    [
      "a call without a result",
      "messages",
      messages([{ role: "assistant", content: [use] }, asked]),
      "without `tool_result` blocks immediately after: c1"
    ],
    [
      "arguments as text",
      "messages",
      messages([{ role: "assistant", content: [{ ...use, input: "{}" }] }]),
      "Input should be a valid dictionary"
    ],
    [
      "an empty text",
      "messages",
      messages([{ role: "user", content: [{ type: "text", text: "" }] }]),
      "must be non-empty"
    ],
    [
      "thoughts without a signature",
      "messages",
      messages([{ role: "assistant", content: [{ type: "thinking", thinking: "x" }] }]),
      "Invalid `signature`"
    ],
    [
      "a call without a result",
      "gemini",
      gemini([made, { role: "user", parts: [{ text: "and?" }] }]),
      "number of function response parts"
    ],
    [
      "an orphan result",
      "gemini",
      gemini([{ role: "user", parts: [{ functionResponse: { name: "t", response: {} } }] }]),
      "number of function response parts"
    ],
    [
      "a bad name",
      "gemini",
      gemini([], { tools: [{ functionDeclarations: [{ name: "1st" }] }] }),
      "does not match pattern"
    ]
  ]

describe("the double of a model server", () => {
  it.each(refused)("refuses %s, by %s", async (_, api, body, words) => {
    const response = await fetch(server().origin + paths[api], {
      method: "POST",
      headers: { "content-type": "application/json", "anthropic-version": "2023-06-01" },
      body: JSON.stringify(body)
    })
    const text = await response.text()
    assert.isTrue(response.status === 400 || response.status === 404, text)
    assert.include(
      (JSON.parse(text) as { readonly error: { readonly message: string } }).error.message,
      words
    )
  })
})
