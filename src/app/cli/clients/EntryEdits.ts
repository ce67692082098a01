import { Predicate } from "effect"
import type { ServerPlace } from "../../../domain/McpClient.ts"
import type { TextEdit } from "../../../ports/FileEditor.ts"

const valueAt = (value: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((at, key) => (Predicate.isReadonlyObject(at) ? at[key] : undefined), value)

/** The edits that add an entry, or write it in the place of another one. */
export const additionOf = (
  { format, isList, path }: ServerPlace,
  document: unknown,
  name: string,
  entry: Readonly<Record<string, unknown>>
): ReadonlyArray<TextEdit> => {
  const servers = valueAt(document, path)
  // A key without a value, or with null, has to get one. TOML has no such keys.
  if ((servers === undefined || servers === null) && format !== "toml" && (isList || servers === null)) {
    return [{ path, value: isList ? [entry] : { [name]: entry } }]
  }
  return [{ path: [...path, name], value: entry }]
}

/** The edits that set fields of an entry, and leave its other fields as they are. */
export const changeOf = (
  { path }: ServerPlace,
  name: string,
  fields: Readonly<Record<string, unknown>>
): ReadonlyArray<TextEdit> =>
  Object.entries(fields).map(([field, value]) => ({ path: [...path, name, field], value }))

/** The edits that remove an entry. */
export const removalOf = ({ path }: ServerPlace, name: string): ReadonlyArray<TextEdit> => [
  { path: [...path, name], prunes: true }
]
