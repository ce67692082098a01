import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { insertable, readLine, type Shell, shells } from "../../../../src/app/cli/completion/ShellLine.ts"

/** `COMP_WORDBREAKS` of bash. */
const breaks = " \t\n\"'@><=;|&(:"

describe("a command line up to the cursor", () => {
  it.each<[Shell, string, ReadonlyArray<string>, string]>([
    ["bash", "mcp-cli ", [], ""],
    ["bash", "mcp-cli tools no", ["tools"], "no"],
    ["bash", "mcp-cli  tools\tnotion ", ["tools", "notion"], ""],
    ["bash", "/opt/bin/mcp-cli tools ", ["tools"], ""],
    ["bash", "A=1 B='x y' mcp-cli tools ", ["tools"], ""],
    ["bash", "mcp-cli tools my\\ ser", ["tools"], "my ser"],
    ["bash", 'mcp-cli tools "my ser', ["tools"], "my ser"],
    ["bash", `mcp-cli tools "a\\"b\\n" 'c\\' x`, ["tools", 'a"b\\n', "c\\"], "x"],
    ["bash", "mcp-cli tools 'it'\\''s' ", ["tools", "it's"], ""],
    ["zsh", "mcp-cli tools my\\ server --ac", ["tools", "my server"], "--ac"],
    ["fish", "mcp-cli tools 'my server' --ac", ["tools", "my server"], "--ac"],
    ["powershell", "mcp-cli.ps1 tools 'my server' C:\\x", ["tools", "my server"], "C:\\x"],
    ["powershell", 'mcp-cli tools "a`"b" a` b', ["tools", 'a"b'], "a b"],
    ["bash", "mcp-cli tools $(touch pwned) `x`", ["tools", "$(touch", "pwned)"], "`x`"]
  ])("of %s: %s", (shell, line, words, current) => {
    const read = readLine(shell, line)
    assert.deepEqual([read.words, read.current], [words, current])
  })

  it.prop("is read, whatever it is", [Schema.String], ([text]) => {
    for (const shell of shells) assert.doesNotThrow(() => readLine(shell, text))
  })
})

describe("a candidate", () => {
  it.each<[Shell, string, string, string]>([
    ["bash", "mcp-cli tools ", "my server", "my\\ server"],
    ["bash", "mcp-cli tools ", "it's $HOME; `x` *?~", "it\\'s\\ \\$HOME\\;\\ \\`x\\`\\ \\*\\?\\~"],
    ["bash", "mcp-cli tools ", "~root", "\\~root"],
    ["bash", "mcp-cli tools ", "größe", "größe"],
    ["bash", 'mcp-cli tools "m', 'a "$b" `c` \\', 'a \\"\\$b\\" \\`c\\` \\\\'],
    ["bash", "mcp-cli tools 'i", "it's $HOME", "it'\\''s $HOME"],
    ["bash", "mcp-cli tools a:", "a:b:c", "b:c"],
    ["bash", "mcp-cli tools a:b", "a:b:c", "b:c"],
    ["bash", "mcp-cli tools \\$\\(", "$(x)", "\\$\\(x\\)"],
    ["bash", "mcp-cli x --to=", "--to=vault", "vault"],
    ["zsh", "mcp-cli tools ", "it's", "it's"],
    ["fish", "mcp-cli tools ", "my server", "my server"],
    ["powershell", "mcp-cli tools ", "notion", "notion"],
    ["powershell", "mcp-cli tools ", "my server", "'my server'"],
    ["powershell", "mcp-cli tools ", "it's $HOME", "'it''s $HOME'"],
    ["powershell", "mcp-cli tools ", "it’s (x)", "'it’’s (x)'"],
    ["powershell", "mcp-cli tools ", "@a", "'@a'"],
    ["powershell", "mcp-cli tools ", "a,b", "'a,b'"]
  ])("is quoted for %s after %s: %s", (shell, line, text, expected) => {
    assert.strictEqual(insertable(shell, text, readLine(shell, line), breaks), expected)
  })

  it.prop("for bash reads as itself", [Schema.String], ([text]) => {
    const [line] = text.split(/[\s\0]/)
    const word = insertable("bash", `x${line}`, readLine("bash", "mcp-cli "), breaks)
    assert.deepEqual(readLine("bash", `mcp-cli ${word}`).current, `x${line}`)
  })
})
