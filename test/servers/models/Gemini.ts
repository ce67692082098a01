import { type Api, type ParsedRequest, pieces } from "./Api.ts"
import { isJson, type Json, list, must, record, text } from "./ModelFault.ts"
import type { ModelMessage } from "./ModelScript.ts"
import { checkNames } from "./ToolChecks.ts"

/** What Google documents for calls of another model. */
const withoutCheck = "skip_thought_signature_validator"

const statuses: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  404: "NOT_FOUND",
  429: "RESOURCE_EXHAUSTED",
  529: "UNAVAILABLE"
}

/** The API of Google. Calls have no ids of their own, and carry the signature of the thoughts before them. */
export const gemini = (): Api => {
  /** The signature of a call, by its name and arguments. */
  const signatures = new Map<string, string>()
  let count = 0

  const partsOf = (content: unknown, at: string): ReadonlyArray<Json> => {
    const parts = list(record(content, at)["parts"], `${at}.parts`).map((part, index) =>
      record(part, `${at}.parts[${index}]`)
    )
    must(parts.length > 0, `* GenerateContentRequest.${at}.parts: contents.parts must not be empty.`)
    return parts
  }

  const readCall = (part: Json, at: string, isRequired: boolean) => {
    const call = record(part["functionCall"], `${at}.functionCall`)
    const name = text(call["name"], `${at}.name`)
    must(isJson(call["args"] ?? {}), `Invalid value at '${at}.function_call.args'`)
    const written = JSON.stringify(call["args"] ?? {})
    const needed = signatures.get(`${name} ${written}`)
    must(
      !isRequired || part["thoughtSignature"] !== undefined,
      `Function call is missing a thought_signature in functionCall parts. Function call \`${name}\`.`
    )
    must(
      needed === undefined || [needed, withoutCheck].includes(String(part["thoughtSignature"])),
      `Function call is missing a thought_signature in functionCall parts. Function call \`${name}\`.`
    )
    return { id: "", name, arguments: written }
  }

  /** @param signsAll the model requires the signature of the first call of each answer */
  const readContents = (contents: ReadonlyArray<unknown>, signsAll: boolean): ReadonlyArray<ModelMessage> => {
    must(contents.length > 0, "* GenerateContentRequest.contents: contents is not specified")
    let open = 0
    return contents.flatMap((content, index): ReadonlyArray<ModelMessage> => {
      const at = `contents[${index}]`
      const parts = partsOf(content, at)
      const { role } = record(content, at)
      must(role === "user" || role === "model", "Please use a valid role: user, model.")
      const said = parts
        .map((part) => (typeof part["text"] === "string" && part["thought"] !== true ? part["text"] : ""))
        .join("")
      const pictures = parts.filter((part) => isJson(part["inlineData"])).length
      if (role === "model") {
        must(
          open === 0,
          "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
        )
        const calls = parts
          .filter((part) => "functionCall" in part)
          .map((part, first) => readCall(part, at, signsAll && first === 0))
        open = calls.length
        return [{ role: "assistant", text: said, ...(calls.length === 0 ? {} : { calls }) }]
      }
      const results = parts.filter((part) => "functionResponse" in part)
      must(
        results.length === open,
        "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn."
      )
      open = 0
      const answers = results.map((part): ModelMessage => {
        const { name, response } = record(part["functionResponse"], at)
        const { content, error } = record(response, `${at}.response`)
        const inner = record(part["functionResponse"], at)["parts"]
        return {
          role: "tool",
          callId: text(name, `${at}.name`),
          text: String(content ?? error),
          pictures: Array.isArray(inner) ? inner.length : 0
        }
      })
      return said === "" && pictures === 0 ? answers : [...answers, { role: "user", text: said, pictures }]
    })
  }

  const read: Api["read"] = (body, _, model): ParsedRequest => {
    const system = isJson(body["systemInstruction"])
      ? partsOf(body["systemInstruction"], "systemInstruction")
      : []
    const conversation = readContents(list(body["contents"], "contents"), model.startsWith("gemini-3"))
    const groups = body["tools"] === undefined ? [] : list(body["tools"], "tools")
    const tools = groups.flatMap((group) =>
      list(record(group, "tools[]")["functionDeclarations"], "tools[].functionDeclarations").map((given) => {
        const {
          description = "",
          name,
          parameters = {},
          parametersJsonSchema
        } = record(given, "functionDeclarations[]")
        return {
          name: text(name, "name"),
          description: text(description, "description"),
          parameters: record(parametersJsonSchema ?? parameters, "parameters")
        }
      })
    )
    checkNames(
      tools.map(({ name }) => name),
      /^[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}$/
    )
    const systemText = system.map(({ text }) => String(text)).join("")
    return {
      messages: systemText === "" ? conversation : [{ role: "system", text: systemText }, ...conversation],
      tools,
      options: body
    }
  }

  const write: Api["write"] = (answer, { mode, model }) => {
    count++
    const chunk = (parts: ReadonlyArray<Json>, finish?: string) =>
      `data: ${JSON.stringify({
        candidates: [
          {
            content: { role: "model", parts },
            index: 0,
            ...(finish === undefined ? {} : { finishReason: finish })
          }
        ],
        modelVersion: model,
        responseId: "r1",
        usageMetadata: {
          promptTokenCount: 100,
          cachedContentTokenCount: 40,
          candidatesTokenCount: 20,
          totalTokenCount: 120
        }
      })}\n\n`
    const calls = answer.calls ?? []
    const parsed = (given: Json | string): unknown =>
      mode === "empty-arguments" ? {} : typeof given === "string" ? JSON.parse(given) : given
    return [
      ...pieces(answer.reasoning ?? "", 3).map((part) => chunk([{ text: part, thought: true }])),
      ...pieces(answer.text ?? "", 12).map((part) => chunk([{ text: part }])),
      ...calls.map((call, index) => {
        const args = parsed(call.arguments)
        // Only the first call of an answer is signed.
        const signature = answer.reasoning === undefined || index > 0 ? undefined : `signed-${count}`
        if (signature !== undefined) signatures.set(`${call.name} ${JSON.stringify(args)}`, signature)
        return chunk([
          {
            functionCall: { name: call.name, args },
            ...(signature === undefined ? {} : { thoughtSignature: signature })
          }
        ])
      }),
      chunk([{ text: "" }], mode === "length" ? "MAX_TOKENS" : mode === "filtered" ? "SAFETY" : "STOP")
    ]
  }

  return {
    read,
    write,
    error: ({ message, status }) => ({
      error: { code: status, message, status: statuses[status] ?? "INTERNAL" }
    }),
    streamError: `data: ${JSON.stringify({ error: { code: 503, message: "The model is overloaded.", status: "UNAVAILABLE" } })}\n\n`,
    keyOf: ({ headers }) => {
      const key = headers["x-goog-api-key"]
      return typeof key === "string" ? key : undefined
    }
  }
}
