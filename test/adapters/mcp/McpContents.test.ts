import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Base64 from "effect/encoding/Base64"
import { ofReadResult } from "../../../src/adapters/mcp/McpContents.ts"

describe("the bytes of an answer", () => {
  const bytes = [0xfb, 0xff, 0xfe, 0x01]
  it.each([
    ["as the protocol has it", "+//+AQ=="],
    ["without padding", "+//+AQ"],
    ["in the alphabet of URLs", "-__-AQ"],
    ["with line breaks", "+//+\r\nAQ==\n"],
    ["with spaces", "+//+ AQ=="]
  ])("can be saved if a server writes base64 %s", (_what, blob) => {
    const [piece] = ofReadResult({ contents: [{ uri: "x:y", blob }] }).content
    assert.isTrue(piece?._tag === "Binary" && piece.bytes === bytes.length)
    const decoded = Base64.decode(piece?._tag === "Binary" ? piece.base64 : "")
    assert.deepEqual([...Result.getOrThrow(decoded)], bytes)
  })
})
