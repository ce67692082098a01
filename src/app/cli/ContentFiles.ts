import { Effect, FileSystem, Option } from "effect"
import * as Base64 from "effect/encoding/Base64"
import { Result } from "effect"
import { Flag } from "effect/cli"
import { printable, safeLine } from "../../domain/PrintableText.ts"
import { advice } from "../../domain/Remedy.ts"
import type { McpAnswer, McpBinary } from "../../ports/McpConnector.ts"
import { contentPieces, printAnswer, printContent, tell } from "./Output.ts"
import { Json } from "./Settings.ts"
import { UsageError } from "./UsageError.ts"

/** The flags of the commands whose answer can be saved. */
export const outputFlags = {
  output: Flag.String("output").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("Save pictures, sounds and other files here; a text, if there are none"),
    Flag.optional
  ),
  overwrite: Flag.Boolean("overwrite").pipe(
    Flag.withDescription("Replace FILE if it exists"),
    Flag.withDefault(false)
  )
}

/** Where an answer is saved. */
export interface Output {
  readonly output: Option.Option<string>
  readonly overwrite: boolean
}

/** The name of the second and further files: `picture-2.png`. */
const numbered = (path: string, index: number): string =>
  index === 0 ? path : path.replace(/(?=(\.[^./\\]*)?$)/, `-${index + 1}`)

const exists = (path: string) =>
  FileSystem.FileSystem.use((files) => Effect.orElseSucceed(files.exists(path), () => false))

const refuse = (path: string) =>
  new UsageError({
    problem: `${safeLine(path)} exists.`,
    remedies: [advice("Choose another name, or replace it by --overwrite.")]
  })

const isFolder = (path: string) =>
  FileSystem.FileSystem.use((files) => files.stat(path)).pipe(
    Effect.map(({ type }) => type === "Directory"),
    Effect.orElseSucceed(() => false)
  )

/** Refuses a file that exists or cannot be made, before anything is requested: a call may not be repeatable. */
export const checkOutput = Effect.fnUntraced(function* ({ output, overwrite }: Output) {
  if (Option.isNone(output)) return
  const file = output.value
  if (file === "") return yield* new UsageError({ problem: "--output needs the name of a file." })
  if (yield* isFolder(file)) {
    return yield* new UsageError({
      problem: `${safeLine(file)} is a folder. Name a file in it: --output ${safeLine(file.replace(/[/\\]*$/, ""))}/FILE`
    })
  }
  const folder = file.replace(/[^/\\]*$/, "") || "."
  if (!(yield* isFolder(folder)))
    return yield* new UsageError({ problem: `There is no folder ${safeLine(folder)} for --output.` })
  if (!overwrite && (yield* exists(file))) return yield* refuse(file)
})

/** The next of the numbered names that no file has. Without `overwrite`, an answer of several files replaces none. */
const freeName = Effect.fnUntraced(function* (path: string, from: number, overwrite: boolean) {
  if (overwrite || from === 0) return from
  let number = from
  while (yield* exists(numbered(path, number))) number++
  return number
})

const write = (path: string, parts: Iterable<Uint8Array>, overwrite: boolean) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const file = yield* files.open(path, { flag: overwrite ? "w" : "wx" })
    for (const part of parts) yield* file.writeAll(part)
  }).pipe(
    Effect.scoped,
    Effect.mapError(({ reason }) =>
      reason._tag === "AlreadyExists"
        ? refuse(path)
        : new UsageError({ problem: `${safeLine(path)} cannot be written (${reason._tag}).` })
    )
  )

const bytesOf = (binary: McpBinary): Iterable<Uint8Array> =>
  binary.parts?.() ?? [Result.getOrElse(Base64.decode(binary.base64), () => new Uint8Array())]

function* encoded(pieces: Iterable<string>): Generator<Uint8Array, void> {
  const encoder = new TextEncoder()
  for (const piece of pieces) yield encoder.encode(piece)
}

/** Saves an answer, and prints what is not saved. */
const save = Effect.fnUntraced(function* ({ content }: McpAnswer, path: string, overwrite: boolean) {
  const binaries = content.filter((piece) => piece._tag === "Binary")
  if (binaries.length === 0) {
    yield* write(path, encoded(contentPieces(content)), overwrite)
    return yield* tell(`Saved ${path}.`)
  }
  let next = 0
  for (const binary of binaries) {
    const number = yield* freeName(path, next, overwrite)
    const name = numbered(path, number)
    next = number + 1
    yield* write(name, bytesOf(binary), overwrite)
    yield* tell(`Saved ${name} (${printable(binary.mimeType)}, ${binary.bytes} bytes).`)
  }
  const texts = content.filter((piece) => piece._tag === "Text")
  if (texts.length > 0) yield* printContent(texts)
})

/** Prints an answer, or saves it. Bytes never reach the screen. */
export const deliver = Effect.fnUntraced(function* (answer: McpAnswer, { output, overwrite }: Output) {
  if (Option.isSome(output)) return yield* save(answer, output.value, overwrite)
  if (yield* Json) return yield* printAnswer(answer)
  yield* printContent(answer.content)
  if (answer.content.some(({ _tag }) => _tag === "Binary")) yield* tell("To save it, add --output FILE.")
})
