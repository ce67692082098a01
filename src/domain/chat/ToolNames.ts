/** The most characters that every provider takes. */
const maxLength = 64

/** Characters of a name that every number leaves room for. */
const maxStem = maxLength - "_1000000".length

const cleaned = (name: string): string => name.replace(/[^a-zA-Z0-9_-]/g, "_")

/** The name of a tool for a model: `server__tool`, of `[a-zA-Z0-9_-]`. Gemini refuses a name that starts with a digit. */
const modelName = (server: string, tool: string): string => {
  const name = `${cleaned(server)}__${cleaned(tool)}`
  return (/^[a-zA-Z_]/.test(name) ? name : `_${name}`).slice(0, maxLength)
}

/** What names a tool among those of all servers. */
export const toolKey = (server: string, tool: string): string => JSON.stringify([server, tool])

/**
 * Gives each tool a name for models. Names that would be equal are numbered. A tool that has a name keeps it, and no
 * other tool gets it, so that a name means one tool for as long as the conversation lasts.
 *
 * @param given the names so far, by {@link toolKey}
 */
export const nameTools = (
  given: ReadonlyMap<string, string>,
  tools: ReadonlyArray<{ readonly server: string; readonly tool: string }>
): ReadonlyMap<string, string> => {
  const names = new Map(given)
  const used = new Set(given.values())
  // In the order of their names: a server may list its tools in another order the next time.
  const fresh = tools
    .map((one) => ({ ...one, key: toolKey(one.server, one.tool) }))
    .filter(({ key }) => !names.has(key))
    .toSorted((one, other) => (one.key < other.key ? -1 : 1))
  /** The next number to try, by the stem of a name: thousands of names may be equal. */
  const numbers = new Map<string, number>()
  for (const { key, server, tool } of fresh) {
    if (names.has(key)) continue
    const plain = modelName(server, tool)
    const stem = plain.slice(0, maxStem)
    let name = plain
    for (let number = numbers.get(stem) ?? 2; used.has(name); number++) {
      const suffix = `_${number}`
      name = plain.slice(0, maxLength - suffix.length) + suffix
      numbers.set(stem, number + 1)
    }
    names.set(key, name)
    used.add(name)
  }
  return names
}
