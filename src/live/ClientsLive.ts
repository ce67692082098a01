import { Effect, Layer } from "effect"
import * as ClientFiles from "../adapters/edit/ClientFiles.ts"
import * as FileEditor from "../adapters/edit/FileEditor.ts"
import { configuredHome } from "../adapters/platform/ConfiguredHome.ts"
import * as OwnProgram from "../adapters/program/OwnProgram.ts"

/** The files of MCP clients on this machine, and this program as they start it. */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const home = yield* configuredHome
    const { platform } = process
    const os = platform === "darwin" || platform === "win32" ? platform : "linux"
    const variable = (name: string) => process.env[name] || undefined
    return ClientFiles.layer({ os, home, project: process.cwd(), variable })
  })
).pipe(
  Layer.provideMerge(FileEditor.layer),
  Layer.merge(OwnProgram.layer(process.execPath, process.argv[1] ?? ""))
)
