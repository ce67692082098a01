import { type Api, type ParsedRequest, pieces, sse, writtenArguments } from "./Api.ts"
import { isJson, type Json, list, must, record, Refusal, text } from "./ModelFault.ts"
import type { ModelMessage } from "./ModelScript.ts"
import { checkNames, checkSchema } from "./ToolChecks.ts"

/** The API of Anthropic. Thoughts are signed, and come before the calls that they led to, unchanged. */
export const messages = (): Api => {
  /** The signature of the thoughts before a call, by its id. */
  const signatures = new Map<string, string>()
  let count = 0

  const readBlock = (given: unknown, at: string) => {
    const block = record(given, at)
    switch (block["type"]) {
      case "text": {
        const written = text(block["text"], `${at}.text`)
        must(written.trim() !== "", "messages: text content blocks must be non-empty")
        return { ...block, text: written }
      }
      case "image": {
        const source = record(block["source"], `${at}.source`)
        must(
          source["type"] === "base64" && /^image\/(png|jpeg|gif|webp)$/.test(String(source["media_type"])),
          `${at}.source.media_type: Input should be 'image/jpeg', 'image/png', 'image/gif' or 'image/webp'`
        )
        return block
      }
      case "document":
      case "thinking":
      case "tool_result":
        return block
      case "tool_use": {
        must(
          /^[a-zA-Z0-9_-]+$/.test(text(block["id"], `${at}.id`)),
          `${at}.id: String should match pattern '^[a-zA-Z0-9_-]+$'`
        )
        must(
          /^[a-zA-Z0-9_-]{1,128}$/.test(text(block["name"], `${at}.name`)),
          `${at}.name: String should match pattern`
        )
        must(isJson(block["input"]), `${at}.input: Input should be a valid dictionary`)
        return block
      }
      default:
        throw new Refusal(
          `${at}: Input tag '${String(block["type"])}' found using 'type' does not match any of the expected tags`
        )
    }
  }

  const blocksOf = (content: unknown, at: string): ReadonlyArray<Json> => {
    if (typeof content === "string") {
      must(content !== "", `${at}: text content blocks must be non-empty`)
      return [{ type: "text", text: content }]
    }
    const blocks = list(content, at).map((block, index) => readBlock(block, `${at}.${index}`))
    must(blocks.length > 0, `${at}: content must be non-empty`)
    return blocks
  }

  const textOf = (blocks: ReadonlyArray<Json>): string =>
    blocks.map(({ text, type }) => (type === "text" ? String(text) : "")).join("")

  const picturesOf = (blocks: ReadonlyArray<Json>): number =>
    blocks.filter(({ type }) => type === "image").length

  const resultOf = (block: Json, at: string): ModelMessage => {
    const content = block["content"] === undefined ? [] : blocksOf(block["content"], `${at}.content`)
    return {
      role: "tool",
      callId: text(block["tool_use_id"], `${at}.tool_use_id`),
      text: textOf(content),
      pictures: picturesOf(content)
    }
  }

  const assistantOf = (blocks: ReadonlyArray<Json>, at: string): ModelMessage => {
    let signature: unknown
    for (const block of blocks) {
      if (block["type"] === "thinking") {
        text(block["thinking"], `${at}.thinking`)
        signature = block["signature"]
        must(
          typeof signature === "string" && signature.startsWith("signed-"),
          `${at}: Invalid \`signature\` in \`thinking\` block`
        )
      }
      const needed = signatures.get(String(block["id"]))
      must(
        block["type"] !== "tool_use" || needed === undefined || needed === signature,
        `${at}: \`thinking\` blocks in the latest assistant message cannot be modified.`
      )
    }
    const calls = blocks.flatMap((block) =>
      block["type"] === "tool_use"
        ? [
            {
              id: String(block["id"]),
              name: String(block["name"]),
              arguments: JSON.stringify(block["input"])
            }
          ]
        : []
    )
    return { role: "assistant", text: textOf(blocks), ...(calls.length === 0 ? {} : { calls }) }
  }

  const readMessages = (given: ReadonlyArray<unknown>): ReadonlyArray<ModelMessage> => {
    must(given.length > 0, "messages: at least one message is required")
    let open: ReadonlyArray<string> = []
    return given.flatMap((value, index): ReadonlyArray<ModelMessage> => {
      const at = `messages.${index}`
      const { content, role } = record(value, at)
      must(role === "user" || role === "assistant", `${at}.role: Input should be 'user' or 'assistant'`)
      must(index > 0 || role === "user", 'messages: first message must use the "user" role')
      const blocks = blocksOf(content, `${at}.content`)
      if (role === "assistant") {
        must(
          open.length === 0,
          `${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${open.join(", ")}.`
        )
        const message = assistantOf(blocks, at)
        open = message.calls?.map(({ id }) => id) ?? []
        return [message]
      }
      const results = blocks.filter(({ type }) => type === "tool_result").map((block) => resultOf(block, at))
      const rest = blocks.filter(({ type }) => type !== "tool_result")
      const ids = results.map(({ callId }) => callId ?? "")
      must(
        open.every((id) => ids.includes(id)),
        `${at}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${open.join(", ")}.`
      )
      must(
        ids.every((id) => open.includes(id)),
        `${at}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${ids.join(", ")}.`
      )
      open = []
      return [
        ...results,
        ...(rest.length === 0
          ? []
          : [{ role: "user" as const, text: textOf(rest), pictures: picturesOf(rest) }])
      ]
    })
  }

  const read: Api["read"] = (body, { headers }): ParsedRequest => {
    must(headers["anthropic-version"] !== undefined, "anthropic-version: header is required")
    must(Number.isInteger(body["max_tokens"]) && Number(body["max_tokens"]) > 0, "max_tokens: Field required")
    must(body["stream"] === true, "Only streams are tested.")
    const system = body["system"] === undefined ? [] : blocksOf(body["system"], "system")
    const conversation = readMessages(list(body["messages"], "messages"))
    const tools = (body["tools"] === undefined ? [] : list(body["tools"], "tools")).map((given, index) => {
      const { description = "", input_schema: schema, name: written } = record(given, `tools.${index}`)
      const name = text(written, `tools.${index}.name`)
      return { name, description: text(description, "description"), parameters: checkSchema(schema, name) }
    })
    checkNames(
      tools.map(({ name }) => name),
      /^[a-zA-Z0-9_-]{1,128}$/
    )
    return {
      messages:
        system.length === 0 ? conversation : [{ role: "system", text: textOf(system) }, ...conversation],
      tools,
      options: body
    }
  }

  const write: Api["write"] = (answer, { mode, model }) => {
    count++
    const usage = {
      input_tokens: 60,
      cache_read_input_tokens: 40,
      cache_creation_input_tokens: 0,
      output_tokens: 1
    }
    const events: Array<Json> = [
      {
        type: "message_start",
        message: {
          id: "msg_1",
          type: "message",
          role: "assistant",
          content: [],
          model,
          stop_reason: null,
          stop_sequence: null,
          usage
        }
      },
      { type: "ping" }
    ]
    let index = 0
    const block = (start: Json, deltas: ReadonlyArray<Json>) => {
      events.push(
        { type: "content_block_start", index, content_block: start },
        ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
        { type: "content_block_stop", index }
      )
      index++
    }
    const signature = `signed-${count}`
    if (answer.reasoning !== undefined) {
      block({ type: "thinking", thinking: "", signature: "" }, [
        ...pieces(answer.reasoning, 3).map((thinking) => ({ type: "thinking_delta", thinking })),
        { type: "signature_delta", signature }
      ])
    }
    if (answer.text !== undefined && answer.text !== "") {
      block(
        { type: "text", text: "" },
        pieces(answer.text, 12).map((part) => ({ type: "text_delta", text: part }))
      )
    }
    for (const [at, call] of (answer.calls ?? []).entries()) {
      const id = `toolu_${count}_${at}`
      if (answer.reasoning !== undefined) signatures.set(id, signature)
      block(
        { type: "tool_use", id, name: call.name, input: {} },
        ["", ...pieces(writtenArguments(call.arguments, mode), 4)].map((part) => ({
          type: "input_json_delta",
          partial_json: part
        }))
      )
    }
    const end = (answer.calls ?? []).length > 0 && mode !== "stop-after-calls" ? "tool_use" : "end_turn"
    const reason = mode === "length" ? "max_tokens" : mode === "filtered" ? "refusal" : end
    events.push(
      {
        type: "message_delta",
        delta: { stop_reason: reason, stop_sequence: null },
        usage: { output_tokens: 20 }
      },
      { type: "message_stop" }
    )
    return events.map(sse)
  }

  return {
    read,
    write,
    error: ({ code, message, status }) => ({
      type: "error",
      error: {
        type:
          status === 401
            ? "authentication_error"
            : status === 404
              ? "not_found_error"
              : status === 429
                ? "rate_limit_error"
                : code,
        message:
          code === "context_length_exceeded" ? "prompt is too long: 209001 tokens > 200000 maximum" : message
      }
    }),
    streamError: sse({ type: "error", error: { type: "overloaded_error", message: "Overloaded" } }),
    keyOf: ({ headers }) => {
      const key = headers["x-api-key"]
      return typeof key === "string" ? key : undefined
    }
  }
}
