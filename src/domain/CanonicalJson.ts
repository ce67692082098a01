const sorted = (_: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)))
    : value

/** A value as JSON whose names are sorted, so that equal values have equal texts. */
export const canonicalJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, sorted, indent)
