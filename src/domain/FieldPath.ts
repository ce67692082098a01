import { safeJson } from "./PrintableText.ts"

/** Where a field is, from the root of a JSON document: object keys as text, list items by index. */
export type FieldPath = ReadonlyArray<string | number>

/** A name in quotes, as JSON writes it, safe for a terminal. */
export const quotedName = (name: string): string => safeJson(name)

/** A path as text: `mcpServers.notion.oauth.scopes[0]`, or `mcpServers["my server"].url`. */
export const renderFieldPath = (path: FieldPath): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`
    if (!/^[\w-]+$/.test(key)) return `${text}[${quotedName(key)}]`
    return text === "" ? key : `${text}.${key}`
  }, "")
