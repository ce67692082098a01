import { Effect, Option, Schema } from "effect"
import * as Hex from "effect/encoding/Hex"
import { canonicalJson } from "../../domain/CanonicalJson.ts"
import type { McpTool } from "../../ports/McpConnector.ts"
import { maxChangedLine, maxChangedLines, maxKeptDefinition } from "./ChatLimits.ts"

const fields = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"] as const

/** The definition of a tool as canonical JSON: what a model is told, and what decides about asking the user. */
export const definitionOf = (tool: McpTool): string =>
  canonicalJson(Object.fromEntries(fields.map((field) => [field, tool[field]])))

/** SHA-256 of a definition, in hex. */
export const hashOf = (definition: string): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(definition))),
    (digest) => Hex.encode(new Uint8Array(digest))
  )

/** A definition as it is kept; empty if it is too long. */
export const keptDefinition = (definition: string): string =>
  definition.length > maxKeptDefinition ? "" : definition

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown)))

const linesOf = (value: unknown): ReadonlyArray<string> =>
  value === undefined
    ? []
    : typeof value === "string"
      ? value.split("\n")
      : canonicalJson(value, 2).split("\n")

/** What two lists of lines do not have in common at their start and their end. */
const differing = (before: ReadonlyArray<string>, after: ReadonlyArray<string>) => {
  const max = Math.min(before.length, after.length)
  let start = 0
  while (start < max && before[start] === after[start]) start++
  let end = 0
  while (end < max - start && before.at(-1 - end) === after.at(-1 - end)) end++
  return { removed: before.slice(start, before.length - end), added: after.slice(start, after.length - end) }
}

/** What two lines have in common is left out of their start, but for this many characters. */
const maxCommon = 40

/** Lines that take the place of others, each from a little before the character where they differ. */
const fromDifference = (lines: ReadonlyArray<string>, others: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.map((line, at) => {
    const other = others[at] ?? ""
    let common = 0
    while (common < line.length && line[common] === other[common]) common++
    const from = common > 2 * maxCommon ? common - maxCommon : 0
    const start = from === 0 ? "" : "… "
    const rest = line.length - from - maxChangedLine
    return `${start}${line.slice(from, from + maxChangedLine).toWellFormed()}${rest > 0 ? ` … ${rest} more characters` : ""}`
  })

/** The lines that differ in two definitions, by field: `- description: old`, `+ description: new`. */
export const changedLines = (before: string, after: string): ReadonlyArray<string> => {
  const old = Option.getOrElse(decode(before), (): Readonly<Record<string, unknown>> => ({}))
  const now = Option.getOrElse(decode(after), (): Readonly<Record<string, unknown>> => ({}))
  const lines = fields.flatMap((field) => {
    const { added, removed } = differing(linesOf(old[field]), linesOf(now[field]))
    return [
      ...fromDifference(removed, added).map((line) => `- ${field}: ${line}`),
      ...fromDifference(added, removed).map((line) => `+ ${field}: ${line}`)
    ]
  })
  const unknown = before === "" ? ["- The old definition was too long to be kept."] : []
  const rest = lines.length - maxChangedLines
  return [...unknown, ...lines.slice(0, maxChangedLines), ...(rest > 0 ? [`… ${rest} more lines`] : [])]
}
