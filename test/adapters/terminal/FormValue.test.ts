import { assert, describe, it } from "vitest"
import { type FormValue, formValue } from "../../../src/adapters/terminal/FormValue.ts"
import { toolArguments } from "../../../src/domain/ToolSchema.ts"

const fields = toolArguments({
  type: "object",
  properties: {
    name: { type: "string" },
    age: { type: "integer" },
    weight: { type: "number" },
    member: { type: "boolean" },
    size: { enum: ["S", "M"], default: "M" }
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
    ["size", "XL", "Wrong"]
  ])("%s reads %j", (name, typed, read) => {
    const field = fields.find((one) => one.name === name)
    assert.isDefined(field)
    const found = formValue(field, typed)
    if (typeof read === "string") assert.strictEqual(found._tag, read)
    else assert.deepEqual(found, read)
  })
})
