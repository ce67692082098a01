import { assert, describe, it } from "@effect/vitest"
import { isBrowserElsewhere } from "../../../src/adapters/platform/BrowserPlace.ts"

const ssh = { SSH_CONNECTION: "192.0.2.1 5000 192.0.2.2 22" }
const helper = "/home/u/.vscode-server/cli/servers/Stable-1/server/bin/helpers/browser.sh"

describe("the user's browser", () => {
  it.each<[string, NodeJS.Platform, Record<string, string>, boolean]>([
    ["over SSH", "linux", ssh, true],
    ["over SSH, in tmux", "linux", { ...ssh, TMUX: "/tmp/tmux-0/default,1,0", TERM: "tmux-256color" }, true],
    ["over SSH, with a shell that keeps only SSH_TTY", "linux", { SSH_TTY: "/dev/pts/1" }, true],
    ["over SSH, with a browser of the user", "linux", { ...ssh, BROWSER: "w3m" }, true],
    ["over SSH, with an empty display", "linux", { ...ssh, DISPLAY: "" }, true],
    ["over SSH to a Mac", "darwin", ssh, true],
    ["over SSH to a Mac with X11", "darwin", { ...ssh, DISPLAY: "/private/tmp/org.xquartz:0" }, true],
    ["over SSH to Windows", "win32", ssh, true],
    ["over SSH to WSL", "linux", { ...ssh, WSL_DISTRO_NAME: "Debian" }, true],
    ["over SSH with a forwarded display", "linux", { ...ssh, DISPLAY: "localhost:10.0" }, false],
    ["in VS Code over SSH", "linux", { ...ssh, BROWSER: helper }, false],
    ["in a container", "linux", { TERM: "xterm" }, true],
    ["in a container of VS Code", "linux", { BROWSER: helper }, false],
    ["in a container with a display", "linux", { DISPLAY: ":0" }, false],
    ["in a jail of FreeBSD", "freebsd", {}, true],
    ["on a desktop", "linux", { DISPLAY: ":0" }, false],
    ["on a Wayland desktop", "linux", { WAYLAND_DISPLAY: "wayland-0" }, false],
    ["on a console, with a browser of the user", "linux", { BROWSER: "w3m" }, false],
    ["in WSL", "linux", { WSL_DISTRO_NAME: "Debian" }, false],
    ["in WSL as root", "linux", { WSL_INTEROP: "/run/WSL/1_interop" }, false],
    ["on a Mac", "darwin", {}, false],
    ["on Windows", "win32", {}, false],
    ["on Android", "android", {}, false]
  ])("%s", (_, platform, environment, isElsewhere) => {
    assert.strictEqual(isBrowserElsewhere(platform, environment), isElsewhere)
  })
})
