import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "vitest"
import { makeFolder } from "../../../src/adapters/platform/MakeFolder.ts"

const codeOf = (work: () => void): string | undefined => {
  try {
    work()
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code
  }
}

describe("a folder", () => {
  const home = mkdtempSync(join(tmpdir(), "folder-"))
  afterAll(() => rmSync(home, { recursive: true }))

  it("is made with those above it that are missing, each with its mode", () => {
    makeFolder(join(home, "a", "b"), 0o700)
    for (const path of ["a", "a/b"]) assert.strictEqual(statSync(join(home, path)).mode & 0o777, 0o700)
    makeFolder(join(home, "a", "b"), 0o700)
    symlinkSync(join(home, "a"), join(home, "link"))
    makeFolder(join(home, "link", "c"), 0o700)
    assert.isTrue(statSync(join(home, "a", "c")).isDirectory())
  })

  it("is an error where there is a file, or a link to nothing", () => {
    writeFileSync(join(home, "file"), "")
    symlinkSync(join(home, "nowhere"), join(home, "broken"))
    assert.strictEqual(
      codeOf(() => makeFolder(join(home, "file"))),
      "EEXIST"
    )
    assert.strictEqual(
      codeOf(() => makeFolder(join(home, "file", "below"))),
      "ENOTDIR"
    )
    assert.strictEqual(
      codeOf(() => makeFolder(join(home, "broken"))),
      "EEXIST"
    )
  })

  it.runIf(process.platform === "linux")("is an error in a file system that makes none", () => {
    assert.strictEqual(
      codeOf(() => makeFolder("/proc/a-folder/below/it")),
      "ENOENT"
    )
  })
})
