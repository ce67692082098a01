import * as fs from "node:fs/promises"
import { dirname, join, relative, sep } from "node:path"
import { Effect, Layer, Predicate, Schedule } from "effect"
import type { ParseError } from "jsonc-parser"
import type { ClientFormat, ClientPlatform, ServerPlace } from "../../domain/McpClient.ts"
import { advice } from "../../domain/Remedy.ts"
import { type ClientFile, ClientFiles } from "../../ports/ClientFiles.ts"
import { FileEditError, FileEditor, type TextEdit } from "../../ports/FileEditor.ts"
import { codeOf, explainErrno, remediesOfErrno } from "../platform/Errno.ts"
import { makeFolder } from "../platform/MakeFolder.ts"
import { editedJson } from "./JsonTextEdit.ts"
import { parsedJson } from "./ParsedJson.ts"

/** Claude Code's file has some megabytes after a year. */
const ofJson = { bytes: 64 * 1024 * 1024, text: "64 MiB" }
/** The parsers of TOML and YAML take a thousand times the memory of the text, and a repository may have brought it. */
const ofOthers = { bytes: 512 * 1024, text: "512 KiB" }
const maxSize = { json: ofJson, toml: ofOthers, yaml: ofOthers } as const

/** Claude Code writes its file several times a second while it works. */
const untilQuiet = Schedule.spaced("50 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 40 }))

const titles: Readonly<Record<ClientFormat, string>> = { json: "JSON", toml: "TOML", yaml: "YAML" }

const refused = (file: string, problem: string, fix?: string) =>
  new FileEditError({ file, problem, remedies: fix === undefined ? [] : [advice(fix)] })

const attempt = <A>(file: string, what: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) => {
      const code = codeOf(cause)
      return new FileEditError({
        file,
        problem: `${what}: ${explainErrno(code)}`,
        remedies: remediesOfErrno(code)
      })
    }
  })

const missing = (cause: unknown): undefined => {
  const code = codeOf(cause)
  if (code === "ENOENT" || code === "ENOTDIR") return undefined
  throw cause
}

/** The line of a syntax error. The messages of parsers quote the text, which may be a secret. */
class Fault {
  readonly line: number
  constructor(line: number) {
    this.line = line
  }
}

const lineOf = (error: unknown): number | undefined => {
  if (typeof error !== "object" || error === null) return undefined
  if ("lineNumber" in error && typeof error.lineNumber === "number") return error.lineNumber
  const [start] = "linePos" in error && Array.isArray(error.linePos) ? (error.linePos as Array<unknown>) : []
  return typeof start === "object" && start !== null && "line" in start && typeof start.line === "number"
    ? start.line
    : undefined
}

const parseJson = (text: string): unknown => {
  const errors: Array<ParseError> = []
  const value = parsedJson(text, errors, { allowTrailingComma: true, allowEmptyContent: true })
  const [error] = errors
  if (error !== undefined) throw new Fault(text.slice(0, error.offset).split("\n").length)
  return value ?? null
}

const parserOf = async (format: ClientFormat): Promise<(text: string) => unknown> => {
  switch (format) {
    case "json":
      return parseJson
    case "toml":
      return (await import("./TomlTextEdit.ts")).parseToml
    case "yaml":
      return (await import("./YamlTextEdit.ts")).parseYaml
  }
}

type Editor = (text: string, edits: ReadonlyArray<TextEdit>) => string | undefined

const editorOf = async (format: ClientFormat): Promise<Editor> => {
  switch (format) {
    case "json":
      return editedJson
    case "toml":
      return (await import("./TomlTextEdit.ts")).editedToml
    case "yaml":
      return (await import("./YamlTextEdit.ts")).editedYaml
  }
}

const mark = "\uFEFF"
const withoutMark = (text: string): string => (text.startsWith(mark) ? text.slice(mark.length) : text)

/** The parts of a path that a project or a user could have made a link. Folders above a user's file are the user's. */
const partsOf = ({ file, scope }: Pick<ServerPlace, "file" | "scope">, project: string) => {
  if (scope === "user") return [file]
  const parts = relative(project, file).split(sep)
  return parts.map((_, index) => join(project, ...parts.slice(0, index + 1)))
}

/** @see ClientFiles */
export const layer = (platform: ClientPlatform): Layer.Layer<ClientFiles, never, FileEditor> =>
  Layer.effect(
    ClientFiles,
    Effect.gen(function* () {
      const editor = yield* FileEditor

      const readText = Effect.fnUntraced(function* (
        { file, format }: Pick<ServerPlace, "file" | "format">,
        given: string
      ) {
        const text = withoutMark(given)
        const parser = yield* Effect.promise(() => parserOf(format))
        const document = yield* Effect.try({
          try: () => parser(text),
          catch: (error) => {
            const line = error instanceof Fault ? error.line : lineOf(error)
            const where = line === undefined ? "" : ` in line ${line}`
            const problem = Predicate.hasProperty(error, "problem")
              ? `${String(error.problem)}${where}`
              : `is not valid ${titles[format]}${where}`
            return refused(file, problem, "Correct the file, then try again.")
          }
        })
        return { text, document } satisfies ClientFile
      })

      const linkOf = Effect.fnUntraced(function* (place: ServerPlace) {
        for (const path of partsOf(place, platform.project)) {
          const stats = yield* attempt(place.file, "cannot be read", () => fs.lstat(path).catch(missing))
          if (stats?.isSymbolicLink() !== true) continue
          return { path, target: yield* attempt(place.file, "cannot be read", () => fs.readlink(path)) }
        }
        return undefined
      })

      const parts = {
        read: Effect.fn("ClientFiles.read")(function* (place: Pick<ServerPlace, "file" | "format">) {
          const { file, format } = place
          const max = maxSize[format]
          const stats = yield* attempt(file, "cannot be read", () => fs.stat(file).catch(missing))
          if (stats === undefined) return undefined
          if (!stats.isFile()) return yield* refused(file, "is not a file")
          if (stats.size > max.bytes) return yield* refused(file, `has more than ${max.text}`)
          const bytes = yield* attempt(file, "cannot be read", () => fs.readFile(file))
          const text = yield* Effect.try({
            try: () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
            catch: () => refused(file, "is not UTF-8 text", "Save it as UTF-8, then try again.")
          })
          return yield* readText(place, text)
        }),
        edited: Effect.fnUntraced(function* (
          { file, format }: { readonly file: string; readonly format: ClientFormat },
          text: string,
          edits: ReadonlyArray<TextEdit>
        ) {
          const edit = yield* Effect.promise(() => editorOf(format))
          const source = format === "json" && text.trim() === "" ? "{\n}\n" : text
          const after = yield* Effect.try({ try: () => edit(source, edits), catch: () => undefined }).pipe(
            Effect.orElseSucceed(() => undefined)
          )
          if (after !== undefined) return after
          return yield* refused(file, "is written in a way that cannot be edited safely", "Edit it yourself.")
        })
      }

      return ClientFiles.of({
        platform,
        ...parts,
        exists: (path) =>
          Effect.promise(() =>
            fs.access(path).then(
              () => true,
              () => false
            )
          ),
        linkOf,
        edit: Effect.fn("ClientFiles.edit")(function* (place, change, { followsLinks }) {
          const { file, scope } = place
          yield* attempt(dirname(file), "cannot be made", async () =>
            // Only the user reads the folder of a new file, but everyone who works on a project the folders of that.
            makeFolder(dirname(file), scope === "user" ? 0o700 : undefined)
          )
          const once = editor.edit(
            file,
            (before) =>
              Effect.gen(function* () {
                const found = before === undefined ? undefined : yield* readText(place, before)
                const after = yield* change(found)
                return before?.startsWith(mark) === true ? mark + after : after
              }),
            followsLinks ? {} : { noLinkBelow: scope === "user" ? dirname(file) : platform.project }
          )
          return yield* once.pipe(
            Effect.retry({
              schedule: untilQuiet,
              while: (error) => error instanceof FileEditError && error.isOutdated === true
            })
          )
        })
      })
    })
  )
