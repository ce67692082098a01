import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { chromium, type Page } from "playwright-core"
import { assert, describe, it } from "vitest"
import { type CallbackPage, headers, render } from "../../src/adapters/loopback/CallbackPage.ts"
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

/** What a user sees of a page: its colours by WCAG 2 (contrast of text at least 4.5), and whether all of it fits. */
const lookOf = (page: Page) =>
  page.evaluate(() => {
    const brightness = (colour: string) => {
      const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map((part) => {
        const value = Number(part) / 255
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    const main = document.querySelector("main")!
    const back = brightness(getComputedStyle(main).backgroundColor)
    const contrast = (element: Element) => {
      const [low = 0, high = 0] = [back, brightness(getComputedStyle(element).color)].toSorted(
        (a, b) => a - b
      )
      return (high + 0.05) / (low + 0.05)
    }
    return {
      isDark: back < 0.2,
      isReadable: [...document.querySelectorAll("header, h1, h1 svg, p, footer")].every(
        (element) => contrast(element) >= 4.5
      ),
      isCutOff: document.documentElement.scrollWidth > window.innerWidth,
      isOfProgram:
        document.querySelector("header svg") !== null && document.body.innerText.startsWith("mcp-cli"),
      scripts: document.scripts.length
    }
  })

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

  it("shows the page on a phone and a desktop, light and dark", async () => {
    const pages: ReadonlyArray<CallbackPage> = (["done", "failed", "notice"] as const).map((state) => ({
      status: 200,
      state,
      title: `Not signed in to ${"notion".repeat(20)} <b>x</b>`,
      text: `<script>document.title = "ran"</script><img src=x onerror="document.title = 'ran'">${"x".repeat(300)}`,
      next: "You can close this window and return to the terminal."
    }))
    const asked: Array<string> = []
    const server = createServer((request, response) => {
      asked.push(request.url ?? "")
      response.writeHead(200, headers())
      response.end(render(pages[Number(request.url?.slice(1))] ?? pages[0]!))
    })
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
    const browser = await chromium.launch({
      args,
      ...(executablePath === undefined ? {} : { executablePath })
    })
    try {
      const page = await browser.newPage()
      const complaints: Array<string> = []
      page.on("console", (message) => complaints.push(message.text()))
      for (const [at] of pages.entries()) {
        await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${at}`)
        assert.include(await page.title(), "mcp-cli")
        for (const colorScheme of ["light", "dark"] as const) {
          await page.emulateMedia({ colorScheme })
          for (const viewport of [
            { width: 320, height: 640 },
            { width: 1280, height: 800 }
          ]) {
            await page.setViewportSize(viewport)
            assert.deepEqual(await lookOf(page), {
              isDark: colorScheme === "dark",
              isReadable: true,
              isCutOff: false,
              isOfProgram: true,
              scripts: 0
            })
          }
        }
      }
      assert.deepEqual(complaints, [])
      assert.deepEqual(asked, ["/0", "/1", "/2"])
    } finally {
      await browser.close()
      server.close()
    }
  })
})
