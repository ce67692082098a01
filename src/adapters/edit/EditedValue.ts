import { isDeepStrictEqual } from "node:util"
import { Predicate } from "effect"
import type { TextEdit } from "../../ports/FileEditor.ts"

const isNamed = (name: string) => (item: unknown) => Predicate.isReadonlyObject(item) && item["name"] === name

/** The place of a key in a value. An item of a list has its `name` as its key. */
const memberOf = (value: unknown, key: string): unknown => {
  if (Array.isArray(value)) return value.find(isNamed(key))
  return Predicate.isReadonlyObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

/** The value that a document has after an edit. Undefined: it is removed. */
const editedValue = (value: unknown, [key, ...rest]: TextEdit["path"], edit: object): unknown => {
  if (key === undefined) return "value" in edit ? edit.value : undefined
  const isRemoval = rest.length === 0 && !("value" in edit)
  if (Array.isArray(value)) {
    const items: ReadonlyArray<unknown> = value
    if (isRemoval) return items.filter((item) => !isNamed(key)(item))
    const inner = editedValue(memberOf(items, key), rest, edit)
    return items.some(isNamed(key))
      ? items.map((item) => (isNamed(key)(item) ? inner : item))
      : [...items, inner]
  }
  const fields = Predicate.isReadonlyObject(value) ? value : {}
  const others = Object.entries(fields).filter(([name]) => name !== key)
  if (isRemoval) return Object.fromEntries(others)
  return Object.fromEntries([...others, [key, editedValue(memberOf(fields, key), rest, edit)]])
}

/** True if a document has the value that an edit asks for. */
export const isEdited = (before: unknown, after: unknown, { path, prunes, ...edit }: TextEdit): boolean => {
  if (isDeepStrictEqual(after, editedValue(before, path, edit))) return true
  if (prunes !== true) return false
  const pruned = editedValue(before, path.slice(0, -1), {})
  // A YAML document without a field is null.
  return isDeepStrictEqual(after ?? {}, pruned)
}
