import { type ParseError, type ParseOptions, visit } from "jsonc-parser"

/**
 * Parses JSON with comments. `parse` of jsonc-parser assigns each field: one with the name `__proto__` is lost, and its fields
 * appear in the object around it.
 *
 * @param errors is given the errors of the syntax
 * @returns undefined for a text without a value
 */
export const parsedJson = (text: string, errors: Array<ParseError>, options: ParseOptions): unknown => {
  let root: unknown
  const open: Array<{ readonly value: object; name: string }> = []
  const add = (value: unknown): void => {
    const parent = open.at(-1)
    if (parent === undefined) root = value
    else if (Array.isArray(parent.value)) parent.value.push(value)
    else if (parent.name !== "__proto__") Object.assign(parent.value, { [parent.name]: value })
    else {
      const field = { value, configurable: true, enumerable: true, writable: true }
      Object.defineProperty(parent.value, parent.name, field)
    }
  }
  const begin = (value: object): void => {
    add(value)
    open.push({ value, name: "" })
  }
  const end = (): void => void open.pop()
  visit(
    text,
    {
      onObjectBegin: () => begin({}),
      onObjectProperty: (name) => {
        const object = open.at(-1)
        if (object !== undefined) object.name = name
      },
      onObjectEnd: end,
      onArrayBegin: () => begin([]),
      onArrayEnd: end,
      onLiteralValue: add,
      onError: (error, offset, length) => void errors.push({ error, offset, length })
    },
    options
  )
  return root
}
