/** Where a field is, from the root of a JSON document: object keys as text, list items by index. */
export type FieldPath = ReadonlyArray<string | number>

/** A name in quotes, as JSON writes it. Characters that could rewrite a terminal's screen are escaped. */
export const quotedName = (name: string): string =>
  JSON.stringify(name).replace(
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** A path as text: `mcpServers.notion.oauth.scopes[0]`, or `mcpServers["my server"].url`. */
export const renderFieldPath = (path: FieldPath): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`
    if (!/^[\w-]+$/.test(key)) return `${text}[${quotedName(key)}]`
    return text === "" ? key : `${text}.${key}`
  }, "")
