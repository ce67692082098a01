import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Schema } from "effect"
import { decodeQR } from "qr/decode.js"
import { messageLines } from "../../../src/app/cli/Output.ts"
import { devicePrompt, pictureSize } from "../../../src/adapters/terminal/DevicePrompt.ts"
import { qrCode } from "../../../src/adapters/terminal/QrCode.ts"

/** Colours of the 256 that a code is drawn in. */
const dark: Readonly<Record<string, boolean>> = { "16": true, "231": false }

/** What a terminal shows for rows of half blocks: which of its half characters are dark. */
const shown = (rows: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<boolean>> =>
  rows.flatMap((row) => {
    const upper: Array<boolean> = []
    const lower: Array<boolean> = []
    let foreground: boolean | undefined
    let background: boolean | undefined
    // oxlint-disable-next-line no-control-regex -- colours are control sequences
    for (const [token, colours] of row.matchAll(/\u001b\[([\d;]*)m|[^\u001b]/gu)) {
      if (colours !== undefined) {
        if (colours === "0") foreground = background = undefined
        foreground = dark[/38;5;(\d+)/.exec(colours)?.[1] ?? ""] ?? foreground
        background = dark[/48;5;(\d+)/.exec(colours)?.[1] ?? ""] ?? background
        continue
      }
      const top = token === "▀" ? foreground : background
      if (background === undefined || top === undefined || !"▀ ".includes(token)) {
        throw new Error(`not drawn in black and white: ${JSON.stringify(row)}`)
      }
      upper.push(top)
      lower.push(background)
    }
    if (background !== undefined) throw new Error("a row leaves its colours behind")
    return [upper, lower]
  })

/** Takes a picture of what a terminal shows, and reads the code in it. */
const scanned = (rows: ReadonlyArray<string>): string => {
  const modules = shown(rows)
  const scale = 8
  const width = (modules[0]?.length ?? 0) * scale
  const height = modules.length * scale
  const data = new Uint8ClampedArray(width * height * 4).fill(255)
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const isDark = modules[Math.floor(y / scale)]?.[Math.floor(x / scale)] === true
      data.fill(isDark ? 0 : 255, (y * width + x) * 4, (y * width + x) * 4 + 3)
    }
  }
  return decodeQR({ width, height, data }, { timeLimit: 10_000 })
}

const large = { columns: 200, rows: 200 }
const address = "https://github.com/login/device?user_code=WDJB-MJHT"

describe("a QR code on a terminal", () => {
  it.effect("can be read off it", () =>
    Effect.gen(function* () {
      assert.strictEqual(scanned(yield* qrCode(address, large)), address)
    })
  )

  it.effect.prop(
    "can be read off it, whatever the address",
    [Schema.String.pipe(Schema.check(Schema.isMaxLength(120)))],
    ([path]) =>
      Effect.gen(function* () {
        const { href } = new URL(`https://as.test/${encodeURIComponent(path.toWellFormed())}`)
        assert.strictEqual(scanned(yield* qrCode(href, large)), href)
      }),
    { arbitrary: { runs: 50 } }
  )

  it.effect("has four light modules around it", () =>
    Effect.gen(function* () {
      const modules = shown(yield* qrCode(address, large))
      const width = modules[0]?.length ?? 0
      const inside = { top: 0, bottom: 0, left: 0, right: 0 }
      inside.top = modules.findIndex((row) => row.includes(true))
      inside.bottom = modules.length - 1 - modules.findLastIndex((row) => row.includes(true))
      inside.left = Math.min(...modules.map((row) => row.indexOf(true)).filter((at) => at >= 0))
      inside.right = width - 1 - Math.max(...modules.map((row) => row.lastIndexOf(true)))
      // Rows come in pairs, and a code has an odd number of them.
      assert.deepEqual(inside, { top: 4, bottom: 5, left: 4, right: 4 })
    })
  )

  it.effect("is not drawn where it would not be seen whole", () =>
    Effect.gen(function* () {
      const rows = yield* qrCode(address, { columns: 80, rows: 24 })
      const columns = shown(rows)[0]?.length ?? 0
      assert.deepEqual([columns, rows.length], [37, 19])
      assert.strictEqual((yield* qrCode(address, { columns: 37, rows: 21 })).length, 19)
      assert.deepEqual(yield* qrCode(address, { columns: 36, rows: 21 }), [])
      assert.deepEqual(yield* qrCode(address, { columns: 37, rows: 20 }), [])
      assert.deepEqual(yield* qrCode(`https://as.test/${"x".repeat(4000)}`, large), [])
    })
  )
})

const device = {
  userCode: "WDJB-MJHT",
  verificationUri: new URL("https://github.com/login/device"),
  verificationUriComplete: undefined,
  expiresAt: 900_000
}

describe("what is shown for a device code", () => {
  it.effect("is the address and the code, as plain text where there is no screen", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* devicePrompt("notion", device, undefined),
        [
          "Authentication required for notion",
          "Open this URL on any device:",
          "",
          "  https://github.com/login/device",
          "",
          "and enter this code:",
          "",
          "  WDJB-MJHT",
          ""
        ].join("\n")
      )
    })
  )

  it.effect(
    "breaks its sentences at words on a narrow screen, and neither its addresses nor its picture",
    () =>
      Effect.gen(function* () {
        const long = { ...device, verificationUriComplete: new URL(`${address}?${"x".repeat(60)}`) }
        const lines = (yield* devicePrompt("notion", long, large, (each) => messageLines(each, 60))).split(
          "\n"
        )
        const sentences = lines.filter((line) => !line.startsWith("\u001b") && !line.includes("://"))
        for (const line of sentences) assert.isAtMost(line.length, 60)
        assert.include(sentences.join("\n"), "shows the same\n  code:\n")
        assert.include(lines, `  ${long.verificationUriComplete.href}`)
        const picture = lines.filter((line) => line.startsWith("\u001b"))
        assert.strictEqual(scanned(picture), long.verificationUriComplete.href)
      })
  )

  it.effect("is also the address with the code in it, to be compared", () =>
    Effect.gen(function* () {
      const text = yield* devicePrompt(
        "notion",
        { ...device, verificationUriComplete: new URL(address) },
        undefined
      )
      assert.include(text, `Or open this URL and check that the page shows the same code:\n\n  ${address}\n`)
    })
  )

  it.effect.each([
    ["the address with the code in it", new URL(address), address, " and check that the page shows"],
    [
      "the address alone where there is no other",
      undefined,
      "https://github.com/login/device",
      ", then enter"
    ]
  ] as const)("is, on a screen, a picture of %s", ([, verificationUriComplete, expected, said]) =>
    Effect.gen(function* () {
      const text = yield* devicePrompt("notion", { ...device, verificationUriComplete }, large)
      const picture = text.split("\n").filter((line) => line.startsWith("\u001b"))
      assert.strictEqual(scanned(picture), expected)
      // A small terminal shows no line above this one.
      assert.include(text, `Or scan this QR code${said} WDJB-MJHT:\n${picture[0]}`)
    })
  )
})

describe("a screen that takes pictures", () => {
  const screen = { isTTY: true, columns: 80, rows: 24 }
  it.effect.each([
    ["a terminal", screen, {}, true],
    ["a terminal with NO_COLOR set to nothing", screen, { NO_COLOR: "", TERM: "xterm" }, true],
    ["no terminal where colours are not wanted", screen, { NO_COLOR: "1" }, false],
    ["no terminal that knows no colours", screen, { TERM: "dumb" }, false],
    ["no file", { ...screen, isTTY: false }, {}, false],
    ["no terminal of unknown size", { isTTY: true }, {}, false]
  ] as const)("is %s", ([, given, env, takes]) =>
    Effect.gen(function* () {
      assert.deepEqual(yield* pictureSize(given), takes ? { columns: 80, rows: 24 } : undefined)
    }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env }))))
  )
})
