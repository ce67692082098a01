import { endOfMarkdown, startOfMarkdown, styledPiece } from "../src/app/cli/chat/Markdown.ts"
import { median, say } from "./Measure.ts"

// How long a text of 1 MiB takes that a model writes, in pieces as they arrive.

const part = `# Title

Some **bold** text with \`code\`, a [link](https://example.com/a_b) and *more* words that go on for a while, as texts do.

- one
- two: \`x\`

\`\`\`js
const a = 1
\`\`\`

| a | b |
|---|---|
| 1 | \u00e9 |

`
const text = part.repeat(Math.ceil(2 ** 20 / part.length))

const style = (length: number): number => {
  const started = performance.now()
  let state = startOfMarkdown
  for (let at = 0; at < text.length; at += length)
    state = styledPiece(state, text.slice(at, at + length)).state
  endOfMarkdown(state)
  return performance.now() - started
}

for (const length of [4, 20, text.length]) {
  const times = Array.from({ length: 9 }, () => style(length))
  say(`1 MiB of Markdown in pieces of ${length} characters: ${median(times).toFixed(0)} ms`)
}
