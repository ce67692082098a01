/** The tag of an error, and what distinguishes it from others of the same tag. */
export const nameOf = (error: unknown): string => {
  if (typeof error !== "object" || error === null || !("_tag" in error)) return String(error)
  const detail =
    "reason" in error
      ? ((error.reason as { readonly _tag?: string })._tag ?? String(error.reason))
      : "why" in error
        ? String(error.why)
        : undefined
  return detail === undefined ? String(error._tag) : `${String(error._tag)}/${detail}`
}
