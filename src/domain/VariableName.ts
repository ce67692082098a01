/** The name of an environment variable for what has this name: `X-API-Key` becomes `X_API_KEY`. */
export const variableName = (...parts: ReadonlyArray<string>): string =>
  parts
    .join("_")
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .replace(/[\W_]+/g, "_")
    .toUpperCase()
    .replace(/^(?=\d)/, "_")
