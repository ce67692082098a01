import { existsSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { chromium } from "playwright-core"
import { render } from "../src/adapters/loopback/CallbackPage.ts"
import { pageOf } from "../src/adapters/loopback/CallbackListener.ts"
import { Redacted } from "effect"

/** Takes pictures of the page that a sign-in ends at: on a desktop and a phone. */
const folder = resolve(import.meta.dirname, "../docs/pictures")
const granted = { _tag: "Granted", code: Redacted.make("") } as const
const denied = { _tag: "Denied", error: "access_denied", description: undefined } as const
const desktop = { width: 720, height: 400 }
const phone = { width: 360, height: 480 }

const pictures = [
  { name: "callback-signed-in", page: pageOf("notion", granted, true), viewport: desktop },
  { name: "callback-refused", page: pageOf("notion", denied, false), viewport: phone }
] as const

const executablePath = ["/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => existsSync(path))
if (executablePath === undefined)
  throw new Error("Chromium is missing: bash scripts/debian-packages.sh installs it")
await mkdir(folder, { recursive: true })
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] })
try {
  for (const { name, page, viewport } of pictures) {
    const context = await browser.newContext({ viewport })
    const tab = await context.newPage()
    await tab.setContent(render(page))
    await tab.screenshot({ path: join(folder, `${name}.png`) })
    await context.close()
  }
} finally {
  await browser.close()
}
