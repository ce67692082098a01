import { assert, describe, it } from "@effect/vitest"
import { linkTo, showsLinks } from "../../../src/adapters/terminal/Hyperlink.ts"

describe("a link on a terminal", () => {
  it.each<[string, Record<string, string>, boolean]>([
    ["an unknown one", { TERM: "xterm-256color" }, false],
    ["none", {}, false],
    ["GNOME Terminal", { TERM: "xterm-256color", VTE_VERSION: "7402" }, true],
    ["a VTE that crashes", { TERM: "xterm-256color", VTE_VERSION: "5000" }, false],
    ["iTerm", { TERM: "xterm-256color", TERM_PROGRAM: "iTerm.app", TERM_PROGRAM_VERSION: "3.5.1" }, true],
    ["an old iTerm", { TERM_PROGRAM: "iTerm.app", TERM_PROGRAM_VERSION: "3.0.15" }, false],
    ["Terminal of macOS", { TERM: "xterm-256color", TERM_PROGRAM: "Apple_Terminal" }, false],
    ["VS Code", { TERM_PROGRAM: "vscode", TERM_PROGRAM_VERSION: "1.99.0" }, true],
    ["WezTerm", { TERM_PROGRAM: "WezTerm", TERM_PROGRAM_VERSION: "20240203-110809" }, true],
    ["Windows Terminal", { WT_SESSION: "1" }, true],
    ["kitty over SSH", { TERM: "xterm-kitty" }, true],
    ["Alacritty", { TERM: "alacritty" }, true],
    ["tmux", { TERM: "tmux-256color", TERM_PROGRAM: "tmux", TERM_PROGRAM_VERSION: "3.4" }, true],
    ["an old tmux", { TERM: "screen", TERM_PROGRAM: "tmux", TERM_PROGRAM_VERSION: "3.3a" }, false],
    ["tmux over SSH", { TERM: "tmux-256color" }, false],
    ["screen in GNOME Terminal", { TERM: "screen.xterm-256color", VTE_VERSION: "7402" }, false],
    ["a dumb one", { TERM: "dumb", VTE_VERSION: "7402" }, false],
    ["CI", { CI: "true", WT_SESSION: "1" }, false],
    ["a name of every object", { TERM_PROGRAM: "constructor" }, false],
    ["one that the user knows", { TERM: "screen", FORCE_HYPERLINK: "1" }, true],
    ["one whose links the user does not like", { TERM: "xterm-kitty", FORCE_HYPERLINK: "0" }, false]
  ])("is shown by %s", (_, environment, isShown) => {
    assert.strictEqual(showsLinks(environment), isShown)
  })

  it("shows its address", () => {
    assert.strictEqual(
      linkTo(new URL("https://as.test/a?b=c")),
      "\u001b]8;;https://as.test/a?b=c\u001b\\https://as.test/a?b=c\u001b]8;;\u001b\\"
    )
  })

  it("has nothing in it that ends it", () => {
    const url = new URL("https://as.test/\u001b\\?a=\u001b]8;;\u0007#\u009c")
    assert.notMatch(url.href, /[^!-~]/)
    assert.lengthOf(linkTo(url).split("\u001b"), 5)
  })

  it("is text only, if it is longer than terminals accept", () => {
    const url = new URL(`https://as.test/?${"a".repeat(2100)}`)
    assert.strictEqual(linkTo(url), url.href)
  })
})
