/** The Levenshtein distance between two texts. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

const bare = (name: string): string => name.replace(/[-_]/g, "").toLowerCase()

/** The candidate that a name probably misspells: at most two edits apart, not counting case and separators. */
export const nearName = (name: string, candidates: ReadonlyArray<string>): string | undefined => {
  let nearest: { readonly candidate: string; readonly edits: number } | undefined
  for (const candidate of candidates) {
    // Computing the distance of a very long name would take too long.
    if (Math.abs(name.length - candidate.length) > 4) continue
    const edits = distance(bare(name), bare(candidate))
    if (edits <= 2 && edits < (nearest?.edits ?? Infinity)) nearest = { candidate, edits }
  }
  return nearest?.candidate
}
