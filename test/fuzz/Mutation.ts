import type { Random } from "./Random.ts"

/** A value that JSON can write. */
export type Json = string | number | boolean | null | ReadonlyArray<Json> | { readonly [name: string]: Json }

const numbers = [
  0,
  -0,
  -1,
  1,
  0.5,
  3600,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  8_640_000_000_000_001,
  1e21,
  1e308,
  -1e308,
  5e-324
] as const

const words = [
  "",
  " ",
  "null",
  "undefined",
  "NaN",
  "Infinity",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "\0",
  "\r\n",
  "\n",
  "\t",
  "\u001b[2J",
  "\u009b31m",
  "\u202eevil",
  "\u2028",
  "\ufeff",
  "\ud800",
  "\udfff\ud800",
  "😀",
  "é",
  "İ",
  "ſ",
  "\u0000\u0001\u007f",
  '"',
  "\\",
  '\\"',
  "'",
  "`",
  "$",
  "${",
  "${HOME}",
  "${A:-b}",
  "$${",
  "%",
  "%00",
  "%2e%2e%2f",
  "%ZZ",
  "../..",
  "<script>alert(1)</script>",
  "&amp;",
  "=",
  "==",
  ",",
  ";",
  ":",
  "/",
  "//",
  "?",
  "#",
  "@",
  "+",
  "*",
  "bearer",
  "Bearer",
  "DPoP",
  "S256",
  "none",
  "https",
  "1e999",
  "0x10",
  "-1"
] as const

const schemes = [
  "https://",
  "https://",
  "https://",
  "http://",
  "http:",
  "https:",
  "https:\\\\",
  "HTTPS://",
  "//",
  "javascript:",
  "file://",
  "data:text/html,",
  "ftp://",
  "ws://",
  "blob:https://",
  "urn:",
  "mailto:",
  "about:",
  "vscode://",
  " https://",
  "ht\ntps://",
  "https:///",
  ""
] as const

const hosts = [
  "as.test",
  "as.test",
  "as.test",
  "notion.test",
  "notion.test",
  "evil.test",
  "as.test.evil.test",
  "inner.test",
  "AS.TEST",
  "as.test.",
  "localhost",
  "LOCALHOST",
  "foo.localhost",
  "127.0.0.1",
  "127.1",
  "2130706433",
  "0x7f000001",
  "0177.0.0.1",
  "0",
  "0.0.0.0",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "[::1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[64:ff9b::a00:1]",
  "[fe80::1%25eth0]",
  "[fe80::1]",
  "[fd00::1]",
  "[2001:db8::1]",
  "[2002:7f00:1::]",
  "1.2.3.4",
  "xn--nxasmq6b.test",
  "ａｓ.test",
  "аs.test",
  "as%2etest",
  "as。test",
  "as.test%00",
  "a b",
  "",
  "-",
  "[",
  "256.256.256.256"
] as const

const users = [
  "",
  "",
  "",
  "",
  "",
  "",
  "user@",
  "user:pass@",
  "@",
  "as.test@",
  ":@",
  "notion.test%40"
] as const
const ports = [
  "",
  "",
  "",
  "",
  "",
  ":443",
  ":80",
  ":8443",
  ":0",
  ":65535",
  ":65536",
  ":22",
  ":",
  ":x"
] as const
const paths = [
  "",
  "",
  "/",
  "/token",
  "/authorize",
  "/mcp",
  "/mcp/",
  "/mcp/..",
  "/mcp/%2e%2e",
  "/mcp/%2e%2e/other",
  "/./mcp",
  "/mcp%2f",
  "/MCP",
  "/m",
  "/mcp/below",
  "//evil.test/mcp",
  "\\evil.test",
  "/.well-known/oauth-authorization-server",
  "/.well-known/oauth-protected-resource/mcp",
  "/tenant/a;b=c"
] as const
const ends = ["", "", "", "", "", "?", "?a=b", "?a=b&a=c", "#", "#f", "?#", "?x=#y", " ", "\n", "\0"] as const

/** An address: most often one that could be meant, in any of the ways that addresses can be wrong. */
export const anyUrl = (random: Random): string =>
  random.oneIn(8)
    ? anyText(random)
    : random.pick(schemes) +
      random.pick(users) +
      random.pick(hosts) +
      random.pick(ports) +
      random.pick(paths) +
      random.pick(ends)

/** A text: a word that programs stumble over, noise of some alphabet, or a long one. */
export const anyText = (random: Random): string => {
  if (random.oneIn(2)) return random.pick(words)
  const length = random.oneIn(200) ? random.below(4000) : random.below(12)
  const kind = random.below(4)
  if (random.oneIn(100)) return random.pick(words).repeat(random.below(600))
  const units = Array.from({ length }, () => {
    switch (kind) {
      case 0:
        return 0x20 + random.below(0x5f)
      case 1:
        return random.below(0x100)
      case 2:
        return random.below(0x10000)
      default:
        return random.pick(words).charCodeAt(0) || 0x2c
    }
  })
  return String.fromCharCode(...units)
}

/** A value of any type, seldom a deep one. */
export const anyJson = (random: Random, depth = 3): Json => {
  switch (random.below(depth <= 0 ? 6 : 9)) {
    case 0:
      return null
    case 1:
      return random.oneIn(2)
    case 2:
      return random.pick(numbers)
    case 3:
    case 4:
      return anyText(random)
    case 5:
      return anyUrl(random)
    case 6:
      return random.list(4, () => anyJson(random, depth - 1))
    case 7:
      return Object.fromEntries(random.list(4, () => [anyText(random), anyJson(random, depth - 1)] as const))
    default:
      return random.oneIn(20) ? deep(random, random.below(300)) : anyJson(random, depth - 1)
  }
}

const deep = (random: Random, depth: number): Json => {
  let value: Json = anyText(random)
  for (let level = 0; level < depth; level++) value = random.oneIn(2) ? [value] : { a: value }
  return value
}

/** The value that a field has been made worse by: of another type, or a text that is almost it. */
const worse = (random: Random, value: Json): Json => {
  if (typeof value === "string" && random.oneIn(2)) return mutated(random, value)
  return random.oneIn(2) ? anyUrl(random) : anyJson(random)
}

/** A value with one part of it changed, taken away, doubled, or added to. */
export const changed = (random: Random, value: Json): Json => {
  if (typeof value !== "object" || value === null) return worse(random, value)
  if (Array.isArray(value)) {
    const at = random.below(value.length + 1)
    const item: Json | undefined = value[at]
    if (item === undefined || random.oneIn(4)) {
      return value.toSpliced(at, 0, item ?? anyJson(random))
    }
    return random.oneIn(4) ? value.toSpliced(at, 1) : value.with(at, changed(random, item))
  }
  const entries: ReadonlyArray<readonly [string, Json]> = Object.entries(value)
  const at = random.below(entries.length + 1)
  const entry = entries[at]
  if (entry === undefined) return Object.fromEntries([...entries, [anyText(random), anyJson(random)]])
  const [name, held] = entry
  switch (random.below(8)) {
    case 0:
      return Object.fromEntries(entries.toSpliced(at, 1))
    case 1:
      return Object.fromEntries(entries.with(at, [mutated(random, name), held]))
    case 2:
      return Object.fromEntries(entries.with(at, [name, worse(random, held)]))
    default:
      return Object.fromEntries(entries.with(at, [name, changed(random, held)]))
  }
}

/** A text with some of its characters changed, taken away, doubled, or put among others. */
export const mutated = (random: Random, text: string): string => {
  let result = text
  for (let rounds = 1 + random.below(3); rounds > 0; rounds--) {
    const at = random.below(result.length + 1)
    const end = Math.min(result.length, at + random.below(random.oneIn(3) ? 40 : 4))
    const [before, within, after] = [result.slice(0, at), result.slice(at, end), result.slice(end)]
    switch (random.below(7)) {
      case 0:
        result = before + after
        break
      case 1:
        result = before + within + within + after
        break
      case 2:
        result = before + anyText(random) + after
        break
      case 3:
        result = before + random.pick(words) + within + after
        break
      case 4:
        result = before + String.fromCharCode((result.charCodeAt(at) || 0) ^ (1 << random.below(8))) + after
        break
      case 5:
        result = before + within.toUpperCase() + after
        break
      default:
        result = random.oneIn(3) ? before : after + before
    }
  }
  // Growth by doubling must end somewhere.
  return result.length > 2 ** 21 ? result.slice(0, 2 ** 21) : result
}

/** A text of 2 MiB now and then, made of a piece that is repeated. */
export const sometimesHuge = (random: Random, text: string): string => {
  if (!random.oneIn(20_000)) return text
  const piece = random.oneIn(2) ? random.pick(words) || "x" : text || "x"
  return text + piece.repeat(Math.ceil(2 ** 21 / piece.length))
}

/** The text of a document: a good one, one that was made worse as a value or as a text, or anything. */
export const anyDocument = (random: Random, good: Json): string => {
  let value = good
  for (let rounds = random.below(4); rounds > 0; rounds--) value = changed(random, value)
  const text = JSON.stringify(value)
  switch (random.below(12)) {
    case 0:
    case 1:
      return mutated(random, text)
    case 2:
      return JSON.stringify(anyJson(random))
    case 3:
      return anyText(random)
    case 4:
      return random.oneIn(200) ? "[".repeat(random.below(200_000)) : `\ufeff${text}`
    default:
      return sometimesHuge(random, text)
  }
}
