/** The edits between two texts: characters that are added, removed, replaced, or swapped with the next one. */
const distance = (a: string, b: string): number => {
  let before: ReadonlyArray<number> = []
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const swapped = isSwapped ? (before[j - 2] ?? 0) + 1 : Infinity
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}

/** Two edits make another word of a name that is no longer than this: "wait" of "fail". */
const maxShort = 4

const bare = (name: string): string => name.replace(/[-_]/g, "").toLowerCase()

/**
 * The candidate that a name probably misspells: at most two edits apart, and one if both are short, not counting case and
 * separators.
 */
export const nearName = (name: string, candidates: ReadonlyArray<string>): string | undefined => {
  let nearest: { readonly candidate: string; readonly edits: number } | undefined
  for (const candidate of candidates) {
    // Computing the distance of a very long name would take too long.
    if (Math.abs(name.length - candidate.length) > 4) continue
    const edits = distance(bare(name), bare(candidate))
    const longest = Math.max(name.length, candidate.length)
    const maxEdits = longest <= 2 ? 0 : longest <= maxShort ? 1 : 2
    if (edits <= maxEdits && edits < (nearest?.edits ?? Infinity)) nearest = { candidate, edits }
  }
  return nearest?.candidate
}
