import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromium } from "playwright-core"
import { assert, describe, it } from "vitest"
import { startWorld } from "./World.ts"

const executablePath = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => existsSync(path))

/** Keeps a browser from asking for anything outside of this machine. */
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

describe.skipIf(executablePath === undefined)("a real browser (needs Chromium)", () => {
  for (const [button, code, title] of [
    ["Approve", 0, "Signed in to demo"],
    ["Deny", 3, "Not signed in to demo"]
  ] as const) {
    it(`ends at our page after the user clicks ${button}`, async () => {
      const world = await startWorld({ autoApprove: false })
      const profile = mkdtempSync(join(tmpdir(), "mcp-cli-chromium-"))
      const browser = await chromium.launchPersistentContext(profile, {
        headless: true,
        args,
        ...(executablePath === undefined ? {} : { executablePath })
      })
      try {
        const login = world.start(["auth", "login", "demo", "--no-browser"])
        const [, url = ""] = await login.shows(/^(http\S+)$/m)
        const page = await browser.newPage()
        const asked: Array<string> = []
        page.on("request", (request) => asked.push(new URL(request.url()).hostname))
        await page.goto(url)
        await page.getByRole("button", { name: button }).click()
        await page.waitForURL(/\/callback/)
        assert.strictEqual(await page.getByRole("heading").textContent(), title)
        assert.strictEqual(await page.locator("script").count(), 0)
        assert.deepEqual([...new Set(asked)].toSorted(), ["127.0.0.1", "localhost"])
        const ended = await login.ended
        assert.strictEqual(ended.code, code, ended.stderr)
      } finally {
        await browser.close()
        await world.close()
        rmSync(profile, { recursive: true, force: true })
      }
    })
  }
})
