import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"

/** The path of a folder of the test's own, gone with its scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "mcp-cli-test-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)
