import { type Api, bearerOf, openAiError, type ParsedRequest, pieces, sse, writtenArguments } from "./Api.ts"
import { type Json, list, must, record, Refusal, text } from "./ModelFault.ts"
import type { ModelMessage } from "./ModelScript.ts"
import { checkNames, checkSchema } from "./ToolChecks.ts"

const readContent = (content: unknown, at: string, kind: "input" | "output") => {
  if (typeof content === "string") return { text: content, pictures: 0 }
  let pictures = 0
  const texts = list(content, at).map((given, index) => {
    const part = record(given, `${at}[${index}]`)
    switch (part["type"]) {
      case `${kind}_text`:
        return text(part["text"], `${at}[${index}].text`)
      case "input_image":
        must(text(part["image_url"], `${at}[${index}].image_url`).startsWith("data:image/"), "Invalid image.")
        pictures++
        return ""
      case "input_file":
        text(part["file_data"], `${at}[${index}].file_data`)
        return ""
      default:
        throw new Refusal(`Invalid value: '${String(part["type"])}' for '${at}[${index}].type'.`)
    }
  })
  return { text: texts.join(""), pictures }
}

/**
 * The API of OpenAI for new projects. Thoughts come sealed, and a call that followed thoughts is refused without them:
 * nothing is stored.
 */
export const responses = (): Api => {
  /** The thoughts that came before a call, by its id. */
  const thoughts = new Map<string, string>()
  let count = 0

  const readItem = (given: unknown, at: string, sealed: ReadonlySet<string>): ModelMessage | undefined => {
    const item = record(given, at)
    switch (item["type"] ?? "message") {
      case "message":
        switch (item["role"]) {
          case "system":
          case "developer":
            return { role: "system", ...readContent(item["content"], `${at}.content`, "input") }
          case "user":
            return { role: "user", ...readContent(item["content"], `${at}.content`, "input") }
          case "assistant":
            return { role: "assistant", ...readContent(item["content"], `${at}.content`, "output") }
          default:
            throw new Refusal(`Invalid value: '${String(item["role"])}' for '${at}.role'.`)
        }
      case "reasoning": {
        const content = text(item["encrypted_content"], `${at}.encrypted_content`)
        must(content.startsWith("sealed-"), "The encrypted content could not be verified.")
        return undefined
      }
      case "function_call": {
        const id = text(item["call_id"], `${at}.call_id`)
        must(
          id.length <= 64,
          `Invalid '${at}.call_id': string too long. Expected a string with maximum length 64.`
        )
        const needed = thoughts.get(id)
        must(
          needed === undefined || sealed.has(needed),
          `Item '${id}' of type 'function_call' was provided without its required 'reasoning' item.`
        )
        const name = text(item["name"], `${at}.name`)
        must(/^[a-zA-Z0-9_-]{1,64}$/.test(name), `Invalid '${at}.name': string does not match pattern.`)
        return {
          role: "assistant",
          text: "",
          calls: [{ id, name, arguments: text(item["arguments"], `${at}.arguments`) }]
        }
      }
      case "function_call_output":
        return {
          role: "tool",
          callId: text(item["call_id"], `${at}.call_id`),
          ...readContent(item["output"], `${at}.output`, "input")
        }
      case "item_reference":
        throw new Refusal(
          `Item with id '${String(item["id"])}' not found. Items are not persisted when \`store\` is set to false.`,
          404
        )
      default:
        throw new Refusal(`Invalid value: '${String(item["type"])}' for '${at}.type'.`)
    }
  }

  const checkAnswers = (messages: ReadonlyArray<ModelMessage>): void => {
    const asked = messages.flatMap(({ calls = [] }) => calls.map(({ id }) => id))
    const answered = messages.flatMap(({ callId }) => callId ?? [])
    for (const id of asked) must(answered.includes(id), `No tool output found for function call ${id}.`)
    for (const id of answered)
      must(asked.includes(id), `No tool call found for function call output with call_id ${id}.`)
  }

  const read = (body: Json): ParsedRequest => {
    must(body["stream"] === true, "Only streams are tested.")
    must(body["store"] === false, "The tests require 'store' to be false: it is true by default.")
    const input = list(body["input"], "input")
    must(input.length > 0, "Invalid 'input': empty array.")
    const sealed = new Set(
      input.flatMap((item) => {
        const { encrypted_content: content } = record(item, "input[]")
        return typeof content === "string" ? [content] : []
      })
    )
    const messages = input.flatMap((item, index) => readItem(item, `input[${index}]`, sealed) ?? [])
    checkAnswers(messages)
    const tools = (body["tools"] === undefined ? [] : list(body["tools"], "tools")).map((given, index) => {
      const { description = "", name: written, parameters, type } = record(given, `tools[${index}]`)
      must(type === "function", `Invalid value for 'tools[${index}].type'.`)
      const name = text(written, `tools[${index}].name`)
      return {
        name,
        description: text(description, "description"),
        parameters: checkSchema(parameters, name)
      }
    })
    checkNames(
      tools.map(({ name }) => name),
      /^[a-zA-Z0-9_-]{1,64}$/
    )
    return { messages, tools, options: body }
  }

  const write: Api["write"] = (answer, { mode, model, request }) => {
    const base = { id: "resp_1", object: "response", created_at: 1, model, status: "in_progress" }
    const events: Array<Json> = [
      { type: "response.created", response: base },
      { type: "response.in_progress", response: base }
    ]
    let at = 0
    const include = request.options["include"]
    const isSealed = Array.isArray(include) && include.includes("reasoning.encrypted_content")
    const seal = `sealed-${++count}`
    if (answer.reasoning !== undefined) {
      const item = { type: "reasoning", id: `rs_${count}`, summary: [] }
      const content = isSealed ? { encrypted_content: seal } : {}
      const part = { item_id: item.id, output_index: at, summary_index: 0 }
      events.push(
        { type: "response.output_item.added", output_index: at, item: { ...item, ...content } },
        { type: "response.reasoning_summary_part.added", ...part, part: { type: "summary_text", text: "" } },
        ...pieces(answer.reasoning, 3).map((delta) => ({
          type: "response.reasoning_summary_text.delta",
          ...part,
          delta
        })),
        {
          type: "response.reasoning_summary_part.done",
          ...part,
          part: { type: "summary_text", text: answer.reasoning }
        },
        { type: "response.output_item.done", output_index: at, item: { ...item, ...content } }
      )
      at++
    }
    if (answer.text !== undefined && answer.text !== "") {
      const id = `msg_${count}`
      events.push(
        {
          type: "response.output_item.added",
          output_index: at,
          item: { type: "message", id, role: "assistant", content: [] }
        },
        ...pieces(answer.text, 12).map((delta) => ({
          type: "response.output_text.delta",
          item_id: id,
          output_index: at,
          content_index: 0,
          delta,
          logprobs: []
        })),
        {
          type: "response.output_item.done",
          output_index: at,
          item: { type: "message", id, role: "assistant", content: [] }
        }
      )
      at++
    }
    for (const [index, call] of (answer.calls ?? []).entries()) {
      const callId = `call_${count}_${index}`
      if (answer.reasoning !== undefined && isSealed) thoughts.set(callId, seal)
      const item = { type: "function_call", id: `fc_${count}_${index}`, call_id: callId, name: call.name }
      const written = writtenArguments(call.arguments, mode)
      events.push(
        {
          type: "response.output_item.added",
          output_index: at,
          item: { ...item, arguments: "", status: "in_progress" }
        },
        ...pieces(written, 4).map((delta) => ({
          type: "response.function_call_arguments.delta",
          item_id: item.id,
          output_index: at,
          delta
        })),
        {
          type: "response.function_call_arguments.done",
          item_id: item.id,
          output_index: at,
          arguments: written
        },
        {
          type: "response.output_item.done",
          output_index: at,
          item: { ...item, arguments: written, status: "completed" }
        }
      )
      at++
    }
    const isCut = mode === "length" || mode === "filtered"
    const reason = mode === "length" ? "max_output_tokens" : "content_filter"
    events.push({
      type: isCut ? "response.incomplete" : "response.completed",
      response: {
        ...base,
        status: isCut ? "incomplete" : "completed",
        incomplete_details: isCut ? { reason } : null,
        usage: {
          input_tokens: 100,
          input_tokens_details: { cached_tokens: 40 },
          output_tokens: 20,
          output_tokens_details: { reasoning_tokens: 0 }
        }
      }
    })
    return events.map(sse)
  }

  return {
    read,
    write,
    error: openAiError,
    streamError: sse({
      type: "error",
      sequence_number: 1,
      error: { type: "server_error", code: "server_error", message: "The server had an error.", param: null }
    }),
    keyOf: bearerOf
  }
}
