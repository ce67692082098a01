import { assert, describe, it } from "@effect/vitest"
import { platformOpeners } from "../../../src/adapters/browser/PlatformBrowser.ts"

const url = "http://localhost:8080/start/x"

describe("the browser of a platform", () => {
  it("of macOS gets the URL by an event, so that the arguments of no process have it", () => {
    const [first, second] = platformOpeners("darwin", {}, url)
    assert.notInclude(first?.args.join(" "), "localhost")
    assert.strictEqual(first?.input, `open location "${url}"\n`)
    assert.deepEqual(second, { command: "/usr/bin/open", args: [url] })
  })

  it("of Windows is started by the system's own program, whatever is in the path", () => {
    assert.deepEqual(platformOpeners("win32", { SystemRoot: "D:\\Windows" }, url), [
      { command: "D:\\Windows\\System32\\rundll32.exe", args: ["url.dll,FileProtocolHandler", url] }
    ])
  })

  it("of Linux is the one of the desktop, and under WSL the one of Windows first", () => {
    const commands = (environment: Record<string, string>) =>
      platformOpeners("linux", environment, url).map(({ command }) => command)
    assert.deepEqual(commands({}), ["xdg-open", "x-www-browser", "www-browser"])
    assert.deepEqual(commands({ WSL_DISTRO_NAME: "Debian" }), [
      "wslview",
      "rundll32.exe",
      "xdg-open",
      "x-www-browser",
      "www-browser"
    ])
  })
})
