import type { ToolArgument } from "../../domain/ToolSchema.ts"

/** What a user typed for a field: a value, nothing, or what is wrong with it. */
export type FormValue =
  | { readonly _tag: "Value"; readonly value: unknown }
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Wrong"; readonly problem: string }

const wrong = (problem: string): FormValue => ({ _tag: "Wrong", problem })

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
    return isFit
      ? { _tag: "Value", value }
      : wrong(field.type === "integer" ? "A whole number." : "A number.")
  }
  return { _tag: "Value", value: text }
}
