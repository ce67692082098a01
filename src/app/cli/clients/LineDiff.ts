import { hasSecretShape, isSecretName } from "../../../domain/SecretShape.ts"
import type { Line } from "../Line.ts"

/** Unchanged lines that are shown around a change. */
const context = 3
/** Characters of a line that are shown. A minified file is one line. */
const maxLength = 160
/** Of an added line: users have to see the whole command that a client will start. */
const maxAdded = 4000

/** A line without the secrets that others have written into the file: it is cut before the first one. */
const withoutSecrets = (line: string): string => {
  for (const { 0: match, 1: name = "", index } of line.matchAll(/([\w-]+)["']?\s*[:=]\s*(?=[^\s{[])/g)) {
    if (isSecretName(name)) return `${line.slice(0, index + match.length)}…`
  }
  if (!hasSecretShape(line)) return line
  return `${/^\s*["']?[\w.-]*["']?\s*[:=]?/.exec(line)?.[0] ?? ""} …`
}

const shown = (line: string, max: number): string =>
  line.length > max ? `${withoutSecrets(line.slice(0, max))}…` : withoutSecrets(line)

/** How many items two lists or texts have in common, at their start or before their end. */
const common = <T>(one: ArrayLike<T>, other: ArrayLike<T>, start: number, side: "start" | "end"): number => {
  const max = Math.min(one.length, other.length) - start
  let count = 0
  const at = (items: ArrayLike<T>) => items[side === "start" ? start + count : items.length - 1 - count]
  while (count < max && at(one) === at(other)) count++
  return count
}

const linesOf = (text: string): ReadonlyArray<string> => {
  if (text === "") return []
  const lines = text.split(/\r?\n/)
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines
}

/** What differs in two long lines, without what is around it. */
const excerpt = (before: string, after: string) => {
  const start = common(before, after, 0, "start")
  const end = common(before, after, start, "end")
  const cut = (text: string) => {
    const changed = text.slice(start, text.length - end)
    return changed === "" ? [] : [`…${changed}…`]
  }
  return { removed: cut(before), added: cut(after) }
}

/**
 * What an edit changes in a file, as `diff -u` shows one change. Secrets in the lines around it are left out.
 *
 * @param file what the file is called, and whether it is new
 */
export const lineDiff = (
  file: { readonly path: string; readonly isNew: boolean },
  before: string,
  after: string
): ReadonlyArray<Line> => {
  const [from, to] = [linesOf(before), linesOf(after)]
  const start = common(from, to, 0, "start")
  const end = common(from, to, start, "end")
  let removed = from.slice(start, from.length - end)
  let added = to.slice(start, to.length - end)
  const [one = "", other = ""] = [removed[0], added[0]]
  if (removed.length === 1 && added.length === 1 && Math.max(one.length, other.length) > maxLength) {
    ;({ added, removed } = excerpt(one, other))
  }
  const first = Math.max(0, start - context)
  const [above, below] = [from.slice(first, start), from.slice(from.length - end).slice(0, context)]
  const range = (changed: number) => {
    const count = above.length + changed + below.length
    return `${count === 0 ? 0 : first + 1},${count}`
  }
  const marked =
    (mark: string, max = maxLength) =>
    (line: string) =>
      `${mark}${shown(line, max)}`
  return [
    `--- ${file.isNew ? "/dev/null" : file.path}`,
    `+++ ${file.path}`,
    `@@ -${range(removed.length)} +${range(added.length)} @@`,
    ...above.map(marked(" ")),
    ...removed.map((line): Line => [{ style: 31, text: marked("-")(line) }]),
    ...added.map((line): Line => [{ style: 32, text: marked("+", maxAdded)(line) }]),
    ...below.map(marked(" "))
  ]
}
