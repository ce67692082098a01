import { announcesSecret, hasSecretShape, isSecretName, namedSecretAt } from "../../../domain/SecretShape.ts"
import type { Line } from "../Line.ts"

/** Unchanged lines that are shown around a change. */
const context = 3
/** Characters of a line that are shown. A minified file is one line. */
const maxLength = 160
/** Of an added line: users have to see the whole command that a client will start. */
const maxAdded = 4000

/** A line without the secrets that others have written into the file: it is cut before the first one. */
const withoutSecrets = (line: string): string => {
  const at = namedSecretAt(line)
  if (at !== undefined) return `${line.slice(0, at)}…`
  if (!hasSecretShape(line)) return line
  return `${/^\s*["']?[\w.-]*["']?\s*[:=]?/.exec(line)?.[0] ?? ""} …`
}

const shown = (line: string, max: number): string =>
  line.length > max ? `${withoutSecrets(line.slice(0, max))}…` : withoutSecrets(line)

/** Characters of a name of a field or a flag. */
const maxName = 64
/** Lines above that are searched for the name of a value. A private key has some fifty. */
const maxValueLines = 200

const indentOf = (line: string): number => line.search(/\S|$/)

/** How a value of a secret goes on below its line: to a mark, or while lines are indented more. Undefined: it does not. */
const continuation = (line: string): { readonly mark?: string; readonly indent: number } | undefined => {
  const [, name = "", start = ""] = /([\w-]+)["']?\s*[:=]\s*(""".*|'''.*|[|>][-+\d]*|\[)\s*$/.exec(line) ?? []
  if (!isSecretName(name)) return undefined
  const mark = start.slice(0, 3)
  if (!/^["']/.test(mark)) return { indent: indentOf(line) }
  return start.slice(3).includes(mark) ? undefined : { mark, indent: 0 }
}

/** Lines from one index to another. Those that are values of a secret whose name is above them are left out. */
const withoutValues = (lines: ReadonlyArray<string>, from: number, to: number): ReadonlyArray<string> => {
  let open: ReturnType<typeof continuation>
  let isArgument = false
  const searched = Math.max(0, from - maxValueLines)
  return lines
    .slice(searched, to)
    .map((line) => {
      const start = line.slice(0, maxLength)
      const mark = open?.mark
      const isValue = open !== undefined && (mark !== undefined || indentOf(start) > open.indent)
      const isHidden = (isValue || isArgument) && start.trim() !== ""
      if (!isValue || (mark !== undefined && line.includes(mark))) open = continuation(start)
      isArgument = announcesSecret(start.replace(/^\s*(-\s+)?["']?|["']?,?\s*$/g, ""))
      return isHidden ? `${" ".repeat(indentOf(start))}…` : line
    })
    .slice(from - searched)
}

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

/** Says that two lines differ in what is not shown. */
const hiddenChange = " (another value)"

/** What differs in two long lines, without what is around it. */
const excerpt = (before: string, after: string) => {
  const differs = common(before, after, 0, "start")
  // From the start of a name: a part of it does not tell that its value is a secret.
  const name = /[\w-]*$/.exec(before.slice(Math.max(0, differs - maxName), differs))?.[0] ?? ""
  const start = differs - name.length
  // The value of a secret is not shown, and what is around it shows where it is.
  const [, field = ""] = /["']?([\w-]+)["']?\s*[:=]\s*["'][^"']*$/.exec(before.slice(0, start)) ?? []
  if (isSecretName(field)) return { removed: [`…${field}: …`], added: [`…${field}: …`] }
  const end = common(before, after, start, "end")
  const cut = (text: string) => {
    const changed = text.slice(start, text.length - end)
    return changed === "" ? [] : [`…${changed}…`]
  }
  return { removed: cut(before), added: cut(after) }
}

/** A line without the members of JSON whose texts end in it: what follows them is no part of a secret. */
const withoutMembers = (line: string): string => line.replace(/"[\w-]+"\s*:\s*"[^"\\]*"/g, "")

/** True if a line may be shown from where it differs from the other: no secret goes on there. */
const canBegin = (line: string, at: number): boolean =>
  namedSecretAt(withoutMembers(line.slice(0, at))) === undefined && !hasSecretShape(withoutMembers(line))

/** Two lines, or what differs in them if they would look the same: the change is beyond the cut, or after a secret. */
const distinct = (before: string, after: string) => {
  const looksSame = (one: string, other: string) => shown(one, maxLength) === shown(other, maxLength)
  if (before === after || !looksSame(before, after)) return { removed: [before], added: [after] }
  const at = common(before, after, 0, "start")
  return canBegin(before, at) && canBegin(after, at)
    ? excerpt(before, after)
    : { removed: [before], added: [after] }
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
  const first = Math.max(0, start - context)
  const shownFrom = withoutValues(from, first, from.length - end + context)
  const above = shownFrom.slice(0, start - first)
  const below = shownFrom.slice(from.length - end - first)
  let removed = shownFrom.slice(start - first, from.length - end - first)
  let added = withoutValues(to, start, to.length - end)
  const [one = "", other = ""] = [removed[0], added[0]]
  if (removed.length === 1 && added.length === 1 && Math.max(one.length, other.length) > maxLength) {
    ;({ added, removed } = excerpt(one, other))
  }
  if (removed.length === added.length) {
    const pairs = removed.map((line, at) => distinct(line, added[at] ?? ""))
    removed = pairs.flatMap((pair) => pair.removed)
    added = pairs.flatMap((pair) => pair.added)
  }
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
    ...added.map((line, at): Line => {
      const [old, text] = [removed[at], marked("+", maxAdded)(line)]
      const isHidden =
        removed.length === added.length &&
        from[start + at] !== to[start + at] &&
        old !== undefined &&
        marked("+")(old) === text
      return [{ style: 32, text: isHidden ? text + hiddenChange : text }]
    }),
    ...below.map(marked(" "))
  ]
}
