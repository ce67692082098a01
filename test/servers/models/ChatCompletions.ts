import { type Api, bearerOf, openAiError, type ParsedRequest, pieces, writtenArguments } from "./Api.ts"
import { isJson, type Json, list, type Mode, must, record, Refusal, text } from "./ModelFault.ts"
import type { ModelAnswer, ModelMessage } from "./ModelScript.ts"
import { checkNames, checkSchema } from "./ToolChecks.ts"

const readContent = (content: unknown, at: string): { readonly text: string; readonly pictures: number } => {
  if (typeof content === "string") return { text: content, pictures: 0 }
  const parts = list(content, at).map((part, index) => record(part, `${at}[${index}]`))
  must(parts.length > 0, `Invalid '${at}': empty array.`)
  let pictures = 0
  const texts = parts.map((part, index) => {
    switch (part["type"]) {
      case "text":
        return text(part["text"], `${at}[${index}].text`)
      case "image_url": {
        const url = text(record(part["image_url"], `${at}[${index}].image_url`)["url"], `${at}[${index}].url`)
        must(/^data:image\/[a-z+]+;base64,[A-Za-z0-9+/=]+$/.test(url), `Invalid '${at}[${index}].image_url'.`)
        pictures++
        return ""
      }
      default:
        throw new Refusal(`Invalid value: '${String(part["type"])}' for '${at}[${index}].type'.`)
    }
  })
  return { text: texts.join(""), pictures }
}

const readCalls = (value: unknown, at: string) =>
  list(value, at).map((given, index) => {
    const call = record(given, `${at}[${index}]`)
    const called = record(call["function"], `${at}[${index}].function`)
    must(call["type"] === "function", `Missing required parameter: '${at}[${index}].type'.`)
    const id = text(call["id"], `${at}[${index}].id`)
    must(id !== "", `Invalid '${at}[${index}].id': empty string.`)
    must(
      id.length <= 40,
      `Invalid '${at}[${index}].id': string too long. Expected a string with maximum length 40.`
    )
    const name = text(called["name"], `${at}[${index}].function.name`)
    must(
      /^[a-zA-Z0-9_-]{1,64}$/.test(name),
      `Invalid '${at}[${index}].function.name': string does not match pattern.`
    )
    return { id, name, arguments: text(called["arguments"], `${at}[${index}].function.arguments`) }
  })

const readMessage = (given: unknown, at: string): ModelMessage => {
  const message = record(given, at)
  const { content } = message
  switch (message["role"]) {
    case "system":
    case "developer":
      return { role: "system", ...readContent(content, `${at}.content`) }
    case "user":
      return { role: "user", ...readContent(content, `${at}.content`) }
    case "assistant": {
      const calls =
        message["tool_calls"] === undefined ? [] : readCalls(message["tool_calls"], `${at}.tool_calls`)
      must(
        message["tool_calls"] === undefined || calls.length > 0,
        `Invalid '${at}.tool_calls': empty array. Expected an array with minimum length 1.`
      )
      must(
        calls.length > 0 || (content !== null && content !== undefined),
        `Invalid value for '${at}.content': expected a string, got null.`
      )
      const reasoning = message["reasoning_content"] ?? message["reasoning"]
      return {
        role: "assistant",
        text: content === null || content === undefined ? "" : readContent(content, `${at}.content`).text,
        ...(calls.length === 0 ? {} : { calls }),
        ...(typeof reasoning === "string" ? { reasoning } : {})
      }
    }
    case "tool":
      return {
        role: "tool",
        callId: text(message["tool_call_id"], `${at}.tool_call_id`),
        ...readContent(content, `${at}.content`)
      }
    default:
      throw new Refusal(`Invalid value: '${String(message["role"])}' for '${at}.role'.`)
  }
}

/** Every call is answered by the messages right after it, and nothing else is. */
const checkAnswers = (messages: ReadonlyArray<ModelMessage>): void => {
  let open = new Set<string>()
  for (const [index, { callId, calls, role }] of messages.entries()) {
    if (role === "tool") {
      must(
        open.delete(callId ?? ""),
        `Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls' (messages[${index}]).`
      )
      continue
    }
    must(
      open.size === 0,
      `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(", ")}`
    )
    open = new Set(calls?.map(({ id }) => id))
    must(open.size === (calls?.length ?? 0), "Duplicate value for 'tool_call_id'.")
  }
  must(
    open.size === 0,
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(", ")}`
  )
}

/** Reads a request of Chat Completions, and refuses what OpenAI refuses. */
const readChatCompletions = (body: Json): ParsedRequest => {
  text(body["model"], "model")
  must(body["stream"] === true, "Only streams are tested.")
  const given = list(body["messages"], "messages")
  must(given.length > 0, "Invalid 'messages': empty array.")
  const messages = given.map((message, index) => readMessage(message, `messages[${index}]`))
  checkAnswers(messages)
  const offered = body["tools"] === undefined ? [] : list(body["tools"], "tools")
  must(body["tools"] === undefined || offered.length > 0, "Invalid 'tools': empty array.")
  must(offered.length <= 128, "Invalid 'tools': array too long. Expected an array with maximum length 128.")
  must(
    offered.length > 0 || body["tool_choice"] === undefined,
    "'tool_choice' is only allowed when 'tools' are specified."
  )
  const tools = offered.map((tool, index) => {
    const { function: described, type } = record(tool, `tools[${index}]`)
    must(type === "function", `Invalid value for 'tools[${index}].type'.`)
    const { description = "", name: written, parameters } = record(described, `tools[${index}].function`)
    const name = text(written, `tools[${index}].function.name`)
    return { name, description: text(description, "description"), parameters: checkSchema(parameters, name) }
  })
  checkNames(
    tools.map(({ name }) => name),
    /^[a-zA-Z0-9_-]{1,64}$/
  )
  return { messages, tools, options: body }
}

interface WrittenCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** The deltas of the calls, each as a mode wants it. */
const callDeltas = (calls: ReadonlyArray<WrittenCall>, mode: Mode | undefined): ReadonlyArray<Json> => {
  const whole = (call: WrittenCall, index: number): Json => ({
    ...(mode === "no-index" ? {} : { index: mode === "same-index" ? 0 : index }),
    ...(mode === "no-id" ? {} : { id: call.id }),
    type: "function",
    function: {
      name: call.name,
      arguments: mode === "object-arguments" ? (JSON.parse(call.arguments) as Json) : call.arguments
    }
  })
  if (mode !== "fragments" && mode !== "interleaved" && mode !== "empty-ids") return calls.map(whole)
  const starts = calls.map((call, index) => whole({ ...call, arguments: "" }, index))
  const rests = calls.map((call, index) =>
    pieces(call.arguments, 4).map((piece) => ({
      index,
      ...(mode === "empty-ids" ? { id: "" } : {}),
      function: { ...(mode === "empty-ids" ? { name: "" } : {}), arguments: piece }
    }))
  )
  if (mode !== "interleaved") return calls.flatMap((_, index) => [starts[index]!, ...rests[index]!])
  const longest = Math.max(...rests.map(({ length }) => length))
  return [
    ...starts,
    ...Array.from({ length: longest }, (_, at) => rests.flatMap((parts) => parts.slice(at, at + 1))).flat()
  ]
}

/** The events of an answer of Chat Completions. */
const writeChatCompletions = (
  answer: ModelAnswer,
  {
    mode,
    model,
    request
  }: { readonly mode: Mode | undefined; readonly model: string; readonly request: ParsedRequest }
): ReadonlyArray<string> => {
  const chunk = (delta: Json, finish: string | null = null) =>
    `data: ${JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion.chunk",
      created: 1,
      model,
      choices: [{ index: 0, delta, finish_reason: finish }]
    })}\n\n`
  const calls = (answer.calls ?? []).map((call, index) => ({
    id: `call_${request.messages.length}_${index}`,
    name: call.name,
    arguments: writtenArguments(call.arguments, mode)
  }))
  const thought = mode === "reasoning" ? "reasoning" : "reasoning_content"
  const end = calls.length > 0 && mode !== "stop-after-calls" ? "tool_calls" : "stop"
  const finish = mode === "length" ? "length" : mode === "filtered" ? "content_filter" : end
  const { stream_options: streamOptions } = request.options
  const usage =
    isJson(streamOptions) && streamOptions["include_usage"] === true
      ? [
          `data: ${JSON.stringify({
            id: "chatcmpl-1",
            object: "chat.completion.chunk",
            created: 1,
            model,
            choices: [],
            usage: {
              prompt_tokens: 100,
              completion_tokens: 20,
              total_tokens: 120,
              prompt_tokens_details: { cached_tokens: 40 }
            }
          })}\n\n`
        ]
      : []
  const events = [
    chunk({ role: "assistant", content: "" }),
    ...pieces(answer.reasoning ?? "", 3).map((piece) => chunk({ [thought]: piece })),
    ...pieces(answer.text ?? "", 12).map((content) => chunk({ content })),
    ...callDeltas(calls, mode).map((call) => chunk({ tool_calls: [call] })),
    chunk({}, finish),
    ...usage,
    ...(mode === "no-done" ? [] : ["data: [DONE]\n\n"])
  ]
  return mode === "comments" ? events.flatMap((event) => [": OPENROUTER PROCESSING\n\n", event]) : events
}

/** Chat Completions of OpenAI, which most servers have. */
export const chatCompletions = (): Api => ({
  read: readChatCompletions,
  write: writeChatCompletions,
  error: openAiError,
  streamError: `data: ${JSON.stringify({ error: { message: "The server had an error.", type: "server_error" } })}\n\n`,
  keyOf: bearerOf
})
