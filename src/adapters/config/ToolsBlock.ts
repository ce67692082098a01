import { Effect } from "effect"
import type { ToolRules } from "../../domain/chat/ToolRules.ts"
import { type Block, notEmpty } from "./Cursor.ts"

/** The fields of an entry that say what a model may do with its tools. */
export const chatFields = ["trust", "tools"]
/** The fields of `tools`. */
export const toolsFields = ["allow", "deny"]

/** Reads `trust` and `tools` of an entry. Empty: it has neither. */
export const readToolRules = Effect.fnUntraced(function* (
  entry: Block
): Effect.fn.Return<{ readonly toolRules?: ToolRules }> {
  const isTrusted = entry.boolean("trust") === true
  // GitHub Copilot has a list of this name, in which "*" is usual.
  const isForeign = Array.isArray(entry.field("tools").value)
  if (isForeign) entry.warn("tools", 'is ignored: write {"allow": [...], "deny": [...]}')
  const tools = isForeign ? undefined : entry.child("tools")
  tools?.warnUnknown(toolsFields)
  const allow = tools === undefined ? [] : yield* tools.strings("allow", notEmpty)
  const deny = tools === undefined ? [] : yield* tools.strings("deny", notEmpty)
  if (!entry.has("trust") && tools === undefined) return {}
  // The author of an entry that is not trusted cannot decide what runs without a question.
  const mayAllow = entry.findings.access !== "refused"
  return { toolRules: { isTrusted: isTrusted && mayAllow, allow: mayAllow ? allow : [], deny } }
})
