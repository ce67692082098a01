import { Predicate } from "effect"
import type { TextRepair } from "./AnswerBody.ts"

/** Arguments of a call as text, which some servers write as an object. */
const withTextArguments = (call: unknown): unknown => {
  if (!Predicate.isReadonlyObject(call) || !Predicate.isReadonlyObject(call["function"])) return call
  const { arguments: given } = call["function"]
  return typeof given === "object" && given !== null
    ? { ...call, function: { ...call["function"], arguments: JSON.stringify(given) } }
    : call
}

const repaired = (event: unknown): unknown => {
  if (!Predicate.isReadonlyObject(event) || !Array.isArray(event["choices"])) return event
  return {
    ...event,
    choices: event["choices"].map((choice: unknown) => {
      if (!Predicate.isReadonlyObject(choice) || !Predicate.isReadonlyObject(choice["delta"])) return choice
      const calls = choice["delta"]["tool_calls"]
      return Array.isArray(calls)
        ? { ...choice, delta: { ...choice["delta"], tool_calls: calls.map(withTextArguments) } }
        : choice
    })
  }
}

const repairedLine = (line: string): string => {
  // An object after the name: nothing else needs a repair.
  if (!/^data:.*"arguments"\s*:\s*[{[]/.test(line)) return line
  try {
    return `data: ${JSON.stringify(repaired(JSON.parse(line.slice(5))))}`
  } catch {
    return line
  }
}

/** A line, without what ends it: a line feed, a carriage return, or both. */
const line = /[^\r\n]+/g

/**
 * Turns the arguments of calls that a server of Chat Completions writes as an object into text, as the API defines them. The
 * package of the provider refuses the event otherwise. The answer ends with `[DONE]`: the package waits for the end of the
 * connection, which some gateways leave open.
 */
export const makeTextArguments = (): TextRepair => {
  let rest = ""
  let hasEnded = false
  return {
    add: (part) => {
      // Only the part is searched: a long line may arrive in many.
      const end = Math.max(part.lastIndexOf("\n"), part.lastIndexOf("\r")) + 1
      if (end === 0) {
        rest += part
        return ""
      }
      const lines = rest + part.slice(0, end)
      rest = part.slice(end)
      hasEnded ||= lines.includes("[DONE]") && /^data: ?\[DONE\]$/m.test(lines)
      return lines.includes('"arguments"') ? lines.replace(line, repairedLine) : lines
    },
    end: () => repairedLine(rest),
    hasEnded: () => hasEnded
  }
}
