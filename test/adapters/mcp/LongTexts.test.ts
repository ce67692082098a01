import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { parseMessage } from "../../../src/adapters/mcp/LongTexts.ts"
import { ofPromptResult, ofReadResult, ofToolResult } from "../../../src/adapters/mcp/McpContents.ts"
import { ByteParts } from "../../../src/domain/ByteParts.ts"
import { LongText, mapLeaves, withStrings } from "../../../src/domain/LongText.ts"

const mebibyte = 2 ** 20

/** A text as it comes from a network. */
const arrived = (text: string): ByteParts => {
  const bytes = Buffer.from(text)
  const parts = new ByteParts()
  for (let at = 0; at < bytes.length; at += 16_384) parts.add(bytes.subarray(at, at + 16_384))
  return parts
}

/** How many long texts a value has. */
const countIn = (value: unknown): number => {
  let count = 0
  mapLeaves(value, (leaf) => {
    if (leaf instanceof LongText) count++
    return leaf
  })
  return count
}

const long = 'é\n"🌍\\ '.repeat(mebibyte / 8)
const json = JSON.stringify(long)

describe("a large message", () => {
  it.each<[what: string, text: string, longTexts: number]>([
    ["the text of a tool", `{"result":{"content":[{"type":"text","text":${json}}]},"id":1}`, 1],
    [
      "two texts and a picture",
      `{"result":{"content":[{"text":${json}},{"data":${json}},{"text":${json}}]}}`,
      3
    ],
    ["an embedded resource", `{"result":{"content":[{"resource":{"uri":"a:b","blob":${json}}}]}}`, 1],
    ["the contents of a resource", `{"result":{"contents":[{"text":${json}}]}}`, 1],
    ["a prompt", `{"result":{"messages":[{"role":"user","content":{"text":${json}}}]}}`, 1],
    ["a structured result", `{"result":{"structuredContent":{"result":${json},"rows":[${json}]}}}`, 2],
    ["escaped names", `{"\\u0072esult":{"\\u0063ontent":[{"te\\u0078t":${json}}]}}`, 1],
    ["white space", `\n{ "result" : { "content" : [ { "text" :\t${json} } ] } }\r\n`, 1],
    ["a name twice", `{"result":{"content":[{"text":${json}}],"content":[{"text":"last"}]}}`, 0],
    ["a text twice", `{"result":{"content":[{"text":"first","text":${json}}]}}`, 1],
    ["a text in a list", `{"result":{"x":{"a":{"text":1}},"content":[[${json}]]}}`, 0],
    ["the description of a tool", `{"result":{"tools":[{"name":"a","description":${json}}]}}`, 0],
    ["instructions", `{"result":{"instructions":${json}}}`, 0],
    ["an error", `{"error":{"code":1,"message":${json},"data":{"text":${json}}}}`, 0],
    [
      "a request",
      `{"method":"sampling/createMessage","params":{"messages":[{"content":{"text":${json}}}]}}`,
      0
    ],
    ["a long name", `{"result":{"content":[{${json}:${json}}]}}`, 0],
    ["many short texts", `{"result":{"content":[${`{"text":"${"short".repeat(200)}"},`.repeat(1100)}{}]}}`, 0]
  ])("says the same as with JSON.parse: %s", (_, text, longTexts) => {
    const value = parseMessage(arrived(text))
    assert.deepStrictEqual(withStrings(value), JSON.parse(text))
    assert.strictEqual(countIn(value), longTexts)
  })

  it.each([
    ["cut off", `{"result":{"content":[{"text":${json}`],
    ["with more behind it", `{"result":{"content":[{"text":${json}}]}}}`],
    ["with a line break in a string", `{"result":{"content":[{"text":${json.replace("\\n", "\n")}}]}}`],
    ["with a byte order mark", `\ufeff{"result":{"content":[{"text":${json}}]}}`]
  ])("is no JSON where JSON.parse says so: %s", (_, text) => {
    assert.throws(() => JSON.parse(text), SyntaxError)
    assert.throws(() => parseMessage(arrived(text)), SyntaxError)
  })

  it("is built of strings for programs that read its values", () => {
    const of = (result: string) => (parseMessage(arrived(`{"result":${result}}`)) as { result: never }).result
    const tool = ofToolResult(
      of(`{"content":[{"type":"text","text":${json}}],"structuredContent":{"result":${json}}}`)
    )
    assert.deepStrictEqual(
      tool.content.map((piece) => piece._tag === "Text" && piece.text),
      [long]
    )
    assert.deepStrictEqual(tool.raw, {
      content: [{ type: "text", text: long }],
      structuredContent: { result: long }
    })
    assert.deepStrictEqual(tool.structured, Option.some({ result: long }))
    const prompt = ofPromptResult(
      of(`{"messages":[{"role":"user","content":{"type":"text","text":${json}}}]}`)
    )
    const [piece] = prompt.content
    assert.isTrue(piece?._tag === "Text" && piece.text === `user: ${long}`)
    assert.strictEqual([...((piece?._tag === "Text" && piece.pieces?.()) || [])].join(""), `user: ${long}`)
  })
})

describe("a long picture", () => {
  const Letters = Schema.Array(Schema.Literals(["QUJD", "Q", "-_", "+/", "\n", " ", "!", "é", "=", "QQ=="]))

  it.prop("has the bytes that Node decodes, whatever a server writes", [Letters], ([letters]) => {
    const filling = "QUJDREVG".repeat(20_000)
    for (const text of [filling + letters.join(""), filling + letters.join("") + filling]) {
      const [piece] = ofReadResult({
        contents: [{ uri: "a:b", blob: new LongText(ByteParts.ofText(JSON.stringify(text).slice(1, -1))) }]
      }).content
      if (piece?._tag !== "Binary" || piece.parts === undefined) return assert.fail("It is not in parts")
      const expected = Buffer.from(text, "base64")
      assert.isTrue(Buffer.concat([...piece.parts()]).equals(expected))
      assert.strictEqual(piece.bytes, expected.length)
      assert.strictEqual(piece.base64, expected.toString("base64"))
    }
  })
})
