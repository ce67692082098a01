import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import {
  interpolate,
  isTemplate,
  isWrittenOut,
  parseTemplate,
  secretsIn,
  syntaxProblem,
  variablesIn
} from "../../../src/adapters/config/Interpolation.ts"

const environment: Readonly<Record<string, string>> = {
  A: "one",
  B_2: "two",
  _c: "three",
  EMPTY: "",
  CODE: "${A} $${A} ${A:-x}"
}
const fill = (source: string) =>
  interpolate(source, (variable) =>
    Effect.sync(() => (Object.hasOwn(environment, variable) ? environment[variable] : undefined))
  ).pipe(Effect.map((parts) => parts.join("")))

describe("a string of the configuration", () => {
  it.effect.each([
    ["a variable", "${A}", "one"],
    ["several, with text around them", "<${A}-${B_2}${_c}>", "<one-twothree>"],
    ["a default that is not needed", "${A:-x}", "one"],
    ["a default of a variable that is not set", "${NOPE:-x y}", "x y"],
    ["a default of a variable that is empty", "${EMPTY:-x}", "x"],
    ["an empty default", "[${NOPE:-}]", "[]"],
    ["an empty variable without a default", "[${EMPTY}]", "[]"],
    ["a default with what looks like syntax", "${NOPE:-a:-b$c{d}", "a:-b$c{d"],
    ["a variable as VS Code and Cursor write it", "${env:A}", "one"],
    ["a variable as opencode writes it", "Bearer {env:A}", "Bearer one"],
    ["both among ours", "${A}{env:B_2}${env:_c}", "onetwothree"],
    ["an escaped opening of VS Code", "$${env:A}", "${env:A}"],
    ["an escaped opening", "$${A}", "${A}"],
    ["an escaped opening after a variable", "${A}$${A}", "one${A}"],
    ["a $ that opens nothing", "$A $ $$ a$", "$A $ $$ a$"],
    ["braces without a $", "{A} }{", "{A} }{"],
    ["a value that looks like a template", "${CODE}", "${A} $${A} ${A:-x}"],
    ["nothing", "", ""]
  ] as const)("reads %s", ([, source, expected]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* fill(source), expected)
    })
  )

  it.effect("names the first variable that is not set", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(fill("${A} ${FIRST} ${SECOND}"))
      assert.strictEqual(error.variable, "FIRST")
    })
  )

  it.each([
    "${",
    "a ${",
    "${}",
    "${1A}",
    "${A",
    "${A-x}",
    "${A:x}",
    "${a b}",
    "${É}",
    "${A:-${B}}",
    "${A:-x"
  ])("is malformed as %s", (source) => {
    assert.isUndefined(parseTemplate(source))
  })

  it("needs the environment only for a variable", () => {
    assert.isTrue(isTemplate("x ${A}"))
    assert.isTrue(isTemplate("${A:-x}"))
    assert.isFalse(isTemplate("$${A} $A"))
  })

  it("is written out where the file alone says what it stands for", () => {
    assert.isTrue(isWrittenOut("secret"))
    assert.isTrue(isWrittenOut("$${secret"))
    assert.isTrue(isWrittenOut("${A:-secret}"))
    assert.isFalse(isWrittenOut("${A}"))
    assert.isFalse(isWrittenOut("${A:-}"))
    assert.isFalse(isWrittenOut(""))
    assert.isFalse(isWrittenOut("${file:/run/secrets/x}"))
    assert.isFalse(isWrittenOut("${A"))
  })

  it.effect.prop("without a $ stays as it is", [Schema.String], ([text]) =>
    Effect.gen(function* () {
      const source = text.replaceAll("$", "")
      assert.strictEqual(yield* fill(source), source)
      assert.isFalse(isTemplate(source))
    })
  )

  it.effect.prop("is any text at all, once its openings are escaped", [Schema.String], ([text]) =>
    Effect.gen(function* () {
      const source = `\${A}${text.replaceAll("${", () => "$${")}`
      assert.strictEqual(yield* fill(source), `one${text}`)
    })
  )

  it.effect.prop("is filled in with any value as it is", [Schema.String, Schema.String], ([value, text]) =>
    Effect.gen(function* () {
      const around = text.replaceAll("$", "")
      const filled = yield* interpolate(`${around}\${X}${around}`, () => Effect.succeed(value))
      const expected = `${around}${value}${around}`
      assert.deepStrictEqual(filled, expected === "" ? [] : [expected])
    })
  )
})

describe("a stored secret", () => {
  it.effect("is a part of its own among texts", () =>
    Effect.gen(function* () {
      const parts = yield* interpolate("Bearer ${secret:API_KEY}-${A}-$${secret:b}", () =>
        Effect.succeed("one")
      )
      assert.deepStrictEqual(parts, ["Bearer ", { secret: "API_KEY" }, "-one-${secret:b}"])
      assert.deepStrictEqual(secretsIn("${secret:a}${secret:X-Api-Key}$${secret:c}"), ["a", "X-Api-Key"])
    })
  )

  it("is no variable, and is not written out", () => {
    assert.isFalse(isTemplate("${secret:API_KEY}"))
    assert.isFalse(isWrittenOut("Bearer ${secret:API_KEY}"))
    assert.deepStrictEqual(variablesIn('"${secret:API_KEY} ${secret:-x} ${secret} ${A}"'), [
      "secret",
      "secret",
      "A"
    ])
    assert.deepStrictEqual(parseTemplate("${secret:-x}"), [
      { _tag: "Variable", variable: "secret", fallback: "x" }
    ])
  })

  it.each(["${secret:}", "${secret:1a}", "${secret:a b}", `\${secret:${"a".repeat(41)}}`, "${secret:a"])(
    "needs a name: %s",
    (text) => assert.include(syntaxProblem(text) ?? "", "${secret:NAME} without a name")
  )
})

describe("a variable as another program writes it", () => {
  it.each([
    ["$TOKEN", "$NAME"],
    ["Bearer $TOKEN", "$NAME"],
    ["Bearer $my_token", "$NAME"],
    ["https://$HOST/mcp", "$NAME"],
    ["key=$KEY;", "$NAME"],
    ["${A}/$HOST", "$NAME"],
    ["${A:-$TOKEN}", "$NAME"],
    ["$env:TOKEN", "$env:NAME"],
    ["Bearer $Env:TOKEN", "$env:NAME"],
    ["{{TOKEN}}", "{{NAME}}"],
    ["Bearer {{ TOKEN }}", "{{NAME}}"],
    ["{{env.TOKEN}}", "{{NAME}}"],
    ["%TOKEN%", "%NAME%"],
    ["%DEV_TOKEN%", "%NAME%"],
    ["%APPDATA%\\npm\\x.cmd", "%NAME%"],
    ["https://h.test/%20%TOKEN%", "%NAME%"],
    ["$(op read op://a/b)", "$(command)"],
    ["Bearer $(cat token)", "$(command)"]
  ])("is refused: %s", (source, form) => {
    assert.strictEqual(
      syntaxProblem(source),
      `has a variable as ${form}: write \${NAME}, and set that environment variable`
    )
    assert.isUndefined(syntaxProblem(source, "argument"))
  })

  it.each(["${input:token}", "Bearer ${input:my-token}"])(
    "is refused, in arguments as well: %s",
    (source) => {
      for (const what of [undefined, "argument"] as const) {
        assert.include(syntaxProblem(source, what), "only VS Code can ask for")
      }
    }
  )

  it.each(["${VAR:?unset}", "${VAR-x}", "${{ secrets.X }}", "${config:x}", "${env:}"])(
    "is refused: %s",
    (source) => {
      assert.include(syntaxProblem(source), "starts neither ${NAME} nor ${NAME:-default}")
    }
  )

  it.each([
    "pa$word",
    "pa$$word",
    "100$",
    "$5",
    "US$ 5",
    "a$b",
    "$",
    "100%",
    "50% of 20%",
    "%20",
    "a%2Fb%2Fc",
    "caf%c3%a9%20",
    "%e2abc%20",
    "{a}",
    "{ {a} }",
    "{{}}",
    '{"a":{"b":1}}',
    "^https://[a-z]+$",
    "$${A}"
  ])("is not: %s", (source) => {
    assert.isUndefined(syntaxProblem(source))
  })

  it.prop("is told in words that never contain the text", [Schema.String], ([text]) => {
    const secret = `hunter2${text}`
    for (const source of [`$${secret}`, `%${secret}%`, `{{${secret}}}`, `\${input:${secret}}`]) {
      assert.notInclude(syntaxProblem(source) ?? "", "hunter2")
    }
  })

  it("is among the variables that no browser inherits", () => {
    assert.deepStrictEqual(variablesIn("${A} ${env:B} {env:C} ${D:-x} $E {F}"), ["A", "B", "C", "D"])
  })
})
