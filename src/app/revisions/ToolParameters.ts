import { elementsOf, listOf, parsedAt, valueAt, withMembers } from "../../domain/JsonMembers.ts"
import type { ByteParts } from "../../domain/ByteParts.ts"
import { type JsonRpcMessage, messageOf } from "../../domain/JsonRpcMessage.ts"
import { type ParamHeader, paramHeader, paramHeadersOf } from "../../domain/ParamHeaders.ts"

/** Tools whose parameters are remembered. Servers have some hundred at most. */
const maxTools = 10_000

/** What is left of a list of tools. */
export interface LearnedTools {
  /** The same message if each of its tools is valid. */
  readonly message: JsonRpcMessage
  /** The names of the tools that are left out. */
  readonly leftOut: ReadonlyArray<string>
}

/** The parameters that the tools of a server declare for headers (MCP 2026-07-28 "x-mcp-header"). */
export class ToolParameters {
  readonly #declared = new Map<string, ReadonlyArray<ParamHeader>>()

  /** Reads a response to `tools/list`. Tools with a declaration that is not valid must be left out of it. */
  learn(message: JsonRpcMessage): LearnedTools {
    const result = message.raw("result")
    const list = valueAt(result, "tools")
    const leftOut: Array<string> = []
    const kept = (list === undefined ? undefined : elementsOf(list))?.filter((tool) => {
      const name = parsedAt(tool, "name")
      if (typeof name !== "string") return true
      const declared = paramHeadersOf(parsedAt(tool, "inputSchema"))
      if (declared === undefined) leftOut.push(name)
      else this.#remember(name, declared)
      return declared !== undefined
    })
    if (kept === undefined || leftOut.length === 0) return { message, leftOut }
    const valid = withMembers(result, { tools: listOf(kept) })
    return { message: messageOf(withMembers(message.bytes, { result: valid })), leftOut }
  }

  #remember(tool: string, declared: ReadonlyArray<ParamHeader>): void {
    this.#declared.delete(tool)
    if (declared.length === 0) return
    if (this.#declared.size >= maxTools) this.#declared.clear()
    this.#declared.set(tool, declared)
  }

  /** The headers of a call. */
  headersOf(tool: string, args: ByteParts | undefined): Readonly<Record<string, string>> {
    return Object.assign(
      {},
      ...(this.#declared.get(tool) ?? []).map((declared) => {
        const value = valueAt(args, ...declared.path)
        return value === undefined ? {} : paramHeader(declared, value.text())
      })
    )
  }
}
