import { Predicate } from "effect"
import type { ToolArgument } from "../../domain/ToolArgument.ts"
import { choices, itemsOf } from "../../domain/ToolSchema.ts"

/** What a user typed for a field: a value, nothing, or what is wrong with it. */
export type FormValue =
  | { readonly _tag: "Value"; readonly value: unknown }
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Wrong"; readonly problem: string }

const wrong = (problem: string): FormValue => ({ _tag: "Wrong", problem })

const formats: Readonly<Record<string, readonly [isFit: (text: string) => boolean, problem: string]>> = {
  email: [(text) => /^[^\s@]+@[^\s@]+$/.test(text), "An e-mail address."],
  uri: [(text) => URL.canParse(text), "A URL, such as https://example.com."],
  date: [(text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)), "A date: 2026-01-31."],
  "date-time": [
    (text) => /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/i.test(text) && !Number.isNaN(Date.parse(text)),
    "A date and time: 2026-01-31T12:00:00Z."
  ]
}

/** A value that keeps the limits of its field, or what is wrong with it. */
const limited = ({ schema }: ToolArgument, value: unknown): FormValue => {
  const rules: Readonly<Record<string, unknown>> = Predicate.isObject(schema) ? { ...schema } : {}
  const [least, most, unit] =
    typeof value === "number"
      ? [rules["minimum"], rules["maximum"], ""]
      : Array.isArray(value)
        ? [rules["minItems"], rules["maxItems"], " of them"]
        : [rules["minLength"], rules["maxLength"], " characters"]
  const size =
    typeof value === "number" ? value : Array.isArray(value) ? value.length : Array.from(String(value)).length
  if (typeof least === "number" && size < least) return wrong(`At least ${least}${unit}.`)
  if (typeof most === "number" && size > most) return wrong(`At most ${most}${unit}.`)
  const format = typeof value === "string" ? formats[String(rules["format"])] : undefined
  return format === undefined || format[0](String(value)) ? { _tag: "Value", value } : wrong(format[1])
}

/** Several choices, separated by commas. */
const listValue = (field: ToolArgument, text: string): FormValue => {
  const known = choices({}, itemsOf({}, field.schema))
  const parts = text.split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]))
  const values = parts.map((part) => (known ?? [part]).find((choice) => String(choice) === part))
  return known !== undefined && values.includes(undefined)
    ? wrong(`Some of: ${known.join(", ")}. A comma is between two.`)
    : limited(field, values)
}

/** Reads the value of a field of a form (MCP "Elicitation": texts, numbers, booleans and choices). */
export const formValue = (field: ToolArgument, typed: string): FormValue => {
  const text = typed.trim()
  if (text === "") {
    if ("default" in field) return { _tag: "Value", value: field.default }
    return field.required ? wrong("A value is required.") : { _tag: "Absent" }
  }
  if (field.choices !== undefined) {
    const value = field.choices.find((choice) => String(choice) === text)
    return value === undefined ? wrong(`One of: ${field.choices.join(", ")}.`) : { _tag: "Value", value }
  }
  if (field.type === "boolean") {
    if (/^(y|yes|true)$/i.test(text)) return { _tag: "Value", value: true }
    return /^(n|no|false)$/i.test(text) ? { _tag: "Value", value: false } : wrong("yes or no.")
  }
  if (field.type === "number" || field.type === "integer") {
    const value = Number(text)
    const isFit = Number.isFinite(value) && (field.type === "number" || Number.isInteger(value))
    return isFit ? limited(field, value) : wrong(field.type === "integer" ? "A whole number." : "A number.")
  }
  return field.type.startsWith("list") ? listValue(field, text) : limited(field, text)
}
