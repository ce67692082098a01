import { Predicate } from "effect"
import { type JsonRpcMessage, jsonRpcMessage } from "../../domain/JsonRpcMessage.ts"
import type { MessageRule } from "./MessageRule.ts"
import { failed } from "./OwnAnswers.ts"

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")

/** A pattern of tools: `*` stands for any text, and case does not count. */
const matcherOf = (pattern: string): RegExp =>
  new RegExp(`^${pattern.split("*").map(escaped).join(".*")}$`, "is")

/** Leaves tools out of lists, and refuses to call them. The lists are the only results that the proxy writes again. */
export const ignoringTools = (patterns: ReadonlyArray<string>): MessageRule => {
  const matchers = patterns.map(matcherOf)
  const isIgnored = (name: unknown): name is string =>
    typeof name === "string" && matchers.some((matcher) => matcher.test(name))
  const nameIn = (value: unknown): unknown => (Predicate.hasProperty(value, "name") ? value.name : undefined)
  return {
    fromClient: (message) => {
      if (message.method !== "tools/call" || message.id === undefined) return message
      const name = nameIn(message.value("params"))
      return isIgnored(name) ? failed(message.id, `The tool ${name} is ignored here, as asked.`) : message
    },
    fromServer: (message, request): JsonRpcMessage => {
      if (request?.method !== "tools/list" || message.isError || message.id === undefined) return message
      const result = message.value("result")
      if (!Predicate.hasProperty(result, "tools") || !Array.isArray(result.tools)) return message
      const tools = result.tools.filter((tool) => !isIgnored(nameIn(tool)))
      if (tools.length === result.tools.length) return message
      return jsonRpcMessage({ result: { ...result, tools } }).withId(message.id)
    }
  }
}
