import { assert, describe, it } from "vitest"
import { type FormValue, formValue } from "../../../src/adapters/terminal/FormValue.ts"
import { toolArguments } from "../../../src/domain/ToolArgument.ts"

const fields = toolArguments({
  type: "object",
  properties: {
    name: { type: "string" },
    age: { type: "integer" },
    weight: { type: "number" },
    member: { type: "boolean" },
    size: { enum: ["S", "M"], default: "M" },
    code: { type: "string", minLength: 2, maxLength: 3 },
    copies: { type: "integer", minimum: 1, maximum: 9 },
    mail: { type: "string", format: "email" },
    site: { type: "string", format: "uri" },
    day: { type: "string", format: "date" },
    time: { type: "string", format: "date-time" },
    colours: {
      type: "array",
      minItems: 1,
      maxItems: 2,
      items: { type: "string", enum: ["red", "blue", "green"] }
    }
  },
  required: ["name", "age"]
})

const value = (of: unknown): FormValue => ({ _tag: "Value", value: of })

describe("a field of a form", () => {
  it.each<[name: string, typed: string, read: FormValue["_tag"] | FormValue]>([
    ["name", " Ada ", value("Ada")],
    ["name", "", "Wrong"],
    ["age", "36", value(36)],
    ["age", "3.5", "Wrong"],
    ["age", "many", "Wrong"],
    ["weight", "3.5", value(3.5)],
    ["weight", "", "Absent"],
    ["member", "y", value(true)],
    ["member", "No", value(false)],
    ["member", "maybe", "Wrong"],
    ["size", "S", value("S")],
    ["size", "", value("M")],
    ["size", "XL", "Wrong"],
    ["code", "a", "Wrong"],
    ["code", "\u{1f600}\u{1f600}", value("\u{1f600}\u{1f600}")],
    ["code", "abcd", "Wrong"],
    ["copies", "0", "Wrong"],
    ["copies", "9", value(9)],
    ["copies", "10", "Wrong"],
    ["mail", "ada@example.com", value("ada@example.com")],
    ["mail", "ada", "Wrong"],
    ["site", "https://example.com/a", value("https://example.com/a")],
    ["site", "example", "Wrong"],
    ["day", "2026-01-31", value("2026-01-31")],
    ["day", "31.1.2026", "Wrong"],
    ["time", "2026-01-31T12:00:00Z", value("2026-01-31T12:00:00Z")],
    ["time", "12:00", "Wrong"],
    ["colours", "red, blue", value(["red", "blue"])],
    ["colours", "red,pink", "Wrong"],
    ["colours", "red,blue,green", "Wrong"],
    ["colours", "", "Absent"]
  ])("%s reads %j", (name, typed, read) => {
    const field = fields.find((one) => one.name === name)
    assert.isDefined(field)
    const found = formValue(field, typed)
    if (typeof read === "string") assert.strictEqual(found._tag, read)
    else assert.deepEqual(found, read)
  })
})
