import { nearName } from "./NearName.ts"
import { remoteFlags } from "./RemoteFlags.ts"

const { withValue, withoutValue } = remoteFlags

/** Something about a command line that its user should know. */
export interface RemoteNotice {
  /** The flag, without dashes. Absent: an operand. */
  readonly flag: string | undefined
  /** A predicate about the flag or the operand, such as `has no effect here: ...`. Never a secret. */
  readonly text: string
}

/** The flags of a line in order, and its other words. */
export interface RemoteWords {
  readonly operands: ReadonlyArray<string>
  readonly flags: ReadonlyArray<{ readonly name: string; readonly value: string | undefined }>
  readonly notices: ReadonlyArray<RemoteNotice>
}

const isFlag = (word: string): boolean => /^--[a-z]/i.test(word)
const isUrl = (word: string): boolean => /^https?:\/\//i.test(word)

/**
 * The value of a header that a client has cut at its spaces: Cursor, Codex and Claude Desktop on Windows start `npx` through a
 * shell and quote no argument.
 */
const cutHeader = (value: string, rest: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (!/^[\w-]+:$/.test(value) && !/^[\w-]+:\s*(Bearer|Basic|Token)$/i.test(value)) return []
  const end = rest.findIndex((word) => isFlag(word) || isUrl(word))
  return rest.slice(0, end < 0 ? rest.length : end)
}

/** Splits a line as mcp-remote does. */
export const wordsOf = (line: ReadonlyArray<string>): RemoteWords => {
  const operands: Array<string> = []
  const flags: Array<RemoteWords["flags"][number]> = []
  const notices: Array<RemoteNotice> = []
  for (let at = 0; at < line.length; at++) {
    const word = line[at] ?? ""
    if (!isFlag(word)) {
      operands.push(word)
      continue
    }
    const [, flag = "", attached] = /^--([^=]*)(?:=(.*))?$/s.exec(word) ?? []
    if ((withoutValue as ReadonlyArray<string>).includes(flag)) {
      flags.push({ name: flag, value: undefined })
      continue
    }
    if (!(withValue as ReadonlyArray<string>).includes(flag)) {
      const near = nearName(flag, [...withValue, ...withoutValue])
      const text = `is not known, and is ignored${near === undefined ? "" : `; did you mean --${near}?`}`
      notices.push({ flag, text })
      // A word after an unknown flag may be its value.
      if (attached === undefined && operands.length > 0 && !isFlag(line[at + 1] ?? "--x")) at++
      continue
    }
    const value = attached ?? line[at + 1]
    if (value === undefined) {
      notices.push({ flag, text: "has no value, and is ignored" })
      continue
    }
    if (attached === undefined) at++
    const cut = flag === "header" ? cutHeader(value, line.slice(at + 1)) : []
    if (cut.length > 0) {
      at += cut.length
      notices.push({
        flag,
        text: "was cut at its spaces by the program that started this one: write NAME:${VARIABLE}, without spaces"
      })
    }
    flags.push({ name: flag, value: [value, ...cut].join(" ") })
  }
  return { operands, flags, notices }
}

/** Every value of a flag, in order. */
export const allOf = ({ flags }: RemoteWords, flag: (typeof withValue)[number]): ReadonlyArray<string> =>
  flags.flatMap(({ name, value }) => (name === flag && value !== undefined ? [value] : []))

/** The value of a flag that counts: the first, as for mcp-remote. */
export const valueOf = (words: RemoteWords, flag: (typeof withValue)[number]): string | undefined =>
  allOf(words, flag)[0]

/** True if a flag is set that takes no value. */
export const has = ({ flags }: RemoteWords, flag: (typeof withoutValue)[number]): boolean =>
  flags.some(({ name }) => name === flag)
