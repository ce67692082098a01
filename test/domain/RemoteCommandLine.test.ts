import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  filesOfRemoteLine,
  readRemoteLine,
  type RemoteCommandLine
} from "../../src/domain/RemoteCommandLine.ts"
import { remoteFlags } from "../../src/domain/RemoteFlags.ts"
import { remoteWordsOf } from "../../src/domain/RemoteLauncher.ts"
import { vendorLines } from "./VendorLines.ts"

const url = "https://mcp.example.com/mcp"

const read = (line: ReadonlyArray<string>, files: Readonly<Record<string, string>> = {}): RemoteCommandLine =>
  Result.getOrThrowWith(
    readRemoteLine(line, new Map(Object.entries(files))),
    ({ flag, problem }) => new Error(`${flag ?? "URL"} ${problem}`)
  )
const noticesOf = (line: ReadonlyArray<string>, files?: Readonly<Record<string, string>>) =>
  read(line, files).notices.map(({ flag, text }) => `${flag ?? "the word"} ${text}`)
const problemOf = (line: ReadonlyArray<string>, files: Readonly<Record<string, string>> = {}) => {
  const result = readRemoteLine(line, new Map(Object.entries(files)))
  return Result.isFailure(result) ? `${result.failure.flag ?? "URL"} ${result.failure.problem}` : undefined
}
const fromShell = (line: string) => {
  const [command = "", ...args] = line.split(" ")
  return remoteWordsOf(command, args)
}

describe("the command lines of vendors", () => {
  it.each(vendorLines)("$vendor", ({ args, command = "npx", entry, files = {}, notices = [], options }) => {
    const words = remoteWordsOf(command, args)
    assert.isDefined(words)
    const line = read(words ?? [], files)
    assert.deepStrictEqual(line.entry, entry)
    assert.deepStrictEqual<unknown>(line.options, options ?? { ignoredTools: [] })
    assert.deepStrictEqual(noticesOf(words ?? [], files), notices)
    assert.deepStrictEqual(filesOfRemoteLine(words ?? []), Object.keys(files))
  })
})

describe("what starts mcp-remote", () => {
  it.each([
    ["npx", ["mcp-remote", url]],
    ["npx", ["-y", "mcp-remote@0.1.29", url]],
    [
      "/opt/homebrew/bin/npx",
      ["--yes", "--registry", "https://registry.npmjs.org", "mcp-remote@latest", url]
    ],
    ["npx", ["-p", "mcp-remote@latest", "mcp-remote", url]],
    ["npx", ["--package=mcp-remote", "--", "mcp-remote", url]],
    ["C:\\Program Files\\nodejs\\npx.cmd", ["-y", "mcp-remote", url]],
    ["npm", ["exec", "--yes", "--", "mcp-remote@latest", url]],
    ["bunx", ["mcp-remote@latest", url]],
    ["bun", ["x", "mcp-remote", url]],
    ["pnpm", ["dlx", "mcp-remote", url]],
    ["pnpm", ["--silent", "dlx", "mcp-remote", url]],
    ["pnpx", ["mcp-remote", url]],
    ["yarn", ["dlx", "mcp-remote", url]],
    ["deno", ["run", "-A", "npm:mcp-remote@0.1.30", url]],
    ["node", ["/usr/lib/node_modules/mcp-remote/dist/proxy.js", url]],
    ["C:\\nodejs\\node.exe", ["--no-warnings", "C:\\app\\node_modules\\mcp-remote\\dist\\proxy.js", url]],
    ["mcp-remote", [url]],
    ["/usr/local/bin/mcp-remote", [url]],
    ["cmd", ["/c", "npx", "-y", "mcp-remote", url]],
    ["cmd.exe", ["/d", "/C", `npx -y mcp-remote ${url}`]],
    ["wsl", ["npx", "-y", "mcp-remote", url]],
    ["env", ["DEBUG=1", "npx", "mcp-remote", url]],
    ["sh", ["-c", `npx -y mcp-remote ${url}`]],
    ["bash", ["-lc", `exec yarn dlx mcp-remote "${url}"`]]
  ] as const)("%s %j", (command, args) => {
    assert.deepStrictEqual(remoteWordsOf(command, args), [url])
  })

  it("is read from a shell with its quotes and variables", () => {
    const script = `npx mcp-remote '${url}' --header "Authorization: Bearer $TOKEN"`
    assert.deepStrictEqual(remoteWordsOf("sh", ["-c", script]), [
      url,
      "--header",
      "Authorization: Bearer ${TOKEN}"
    ])
  })

  it.each([
    ["npx", ["-y", "@modelcontextprotocol/server-filesystem", "mcp-remote"]],
    ["npx", ["-y", "mcp-remote-go", url]],
    ["npx", ["-y", "mcp-remote-client", url]],
    ["uvx", ["mcp-proxy", url]],
    ["npm", ["install", "mcp-remote"]],
    ["node", ["proxy.js", url]],
    ["node", ["server.js", "mcp-remote", url]],
    ["docker", ["run", "mcp-remote", url]],
    // What a shell would do here is not known.
    ["bash", ["-c", `TOKEN=$(cat token) npx mcp-remote ${url}`]],
    ["sh", ["-c", `npx mcp-remote ${url} && rm -rf x`]],
    ["sh", ["-c", `npx mcp-remote ${url} | tee log`]],
    ["sh", ["-c", "npx mcp-remote `cat url`"]],
    ["sh", ["-c", `npx mcp-remote "${url}`]],
    ["sh", ["-c", `npx mcp-remote ${url} \${TOKEN:-x}`]],
    ["sh", ["-c", `npx mcp-remote ${url} {a,b}`]],
    ["sh", ["-c", `npx mcp-remote ${"$a".repeat(20_000)} (`]],
    ["sh", ["-c", "exec mcp-remote", url]],
    ["cmd", ["/c", "cmd", "/c", "cmd", "/c", "cmd", "/c", "npx", "mcp-remote", url]],
    ["cmd", []],
    ["", []]
  ] as const)("%s %j starts something else", (command, args) => {
    assert.isUndefined(remoteWordsOf(command, args))
  })

  it("leaves the words after it as they are", () => {
    assert.deepStrictEqual(fromShell(`npx -y mcp-remote ${url} -y mcp-remote`), [url, "-y", "mcp-remote"])
  })
})

describe("the flags of mcp-remote", () => {
  it("are read, or have a notice that says why not", () => {
    const values: Readonly<Record<string, string>> = {
      "auth-success-url": "https://app.example.com/done",
      "authorize-param": "access_type=offline",
      "callback-path": "/cb",
      "client-metadata-url": "https://client.example.com/client.json",
      header: "X-A: b",
      "header-file": "h.txt",
      host: "127.0.0.1",
      "ignore-tool": "delete*",
      protocol: "legacy",
      resource: "https://tenant.example.com",
      "static-oauth-client-info": '{"client_id":"c"}',
      "static-oauth-client-metadata": '{"scope":"a b"}',
      "token-endpoint": "https://as.example.com/token",
      transport: "sse-only"
    }
    const plain = read([url])
    for (const flag of remoteFlags.withValue) {
      const words = [url, `--${flag}`, values[flag] ?? "7"]
      const line = read(flag === "token-endpoint" ? [...words, "--client-credentials"] : words)
      assert.isTrue(
        line.notices.length > 0 || JSON.stringify(line) !== JSON.stringify(plain),
        `--${flag} is lost without a word`
      )
    }
    // These ask for what this program does in any case.
    const always = ["enable-proxy", "allow-http"]
    for (const flag of remoteFlags.withoutValue) {
      const line = read([url, `--${flag}`])
      const isSame = line.notices.length === 0 && JSON.stringify(line) === JSON.stringify(plain)
      assert.strictEqual(isSame, always.includes(flag), flag)
    }
  })

  it("may stand before the URL, and be written with an equals sign", () => {
    const { entry, options } = read([
      "--header",
      "X-A:1",
      "--debug",
      "--transport=sse-only",
      url,
      "9000",
      "--header=X-B: two words",
      "--ignore-tool",
      "a*",
      "--ignore-tool=b"
    ])
    assert.deepStrictEqual(entry, {
      url,
      type: "sse",
      headers: { "X-A": "1", "X-B": "two words" },
      oauth: { redirect_uri: "http://localhost:9000/oauth/callback" }
    })
    assert.deepStrictEqual(options, { ignoredTools: ["a*", "b"], transport: "sse-only", log: "debug" })
  })

  it.each([
    [["9696"], "http://localhost:9696/oauth/callback"],
    [["9696", "--host", "127.0.0.1"], "http://127.0.0.1:9696/oauth/callback"],
    [["9696", "--host", "::1", "--callback-path", "/cb"], "http://[::1]:9696/cb"],
    [["--callback-path", "/cb"], "http://localhost:8080/cb"],
    [["--host", "evil.example.com"], undefined],
    [["--callback-path", "cb"], undefined],
    [["0"], undefined],
    [["70000"], undefined],
    [["x"], undefined],
    [[], undefined]
  ])("%j leads to the redirect URI %s", (words, redirect_uri) => {
    const { entry, notices } = read([url, ...words])
    assert.deepStrictEqual(entry["oauth"], redirect_uri === undefined ? undefined : { redirect_uri })
    assert.strictEqual(notices.length > 0, redirect_uri === undefined && words.length > 0)
  })

  it("name the grant", () => {
    const info = ["--static-oauth-client-info", '{"client_id":"c","client_secret":"${SECRET}"}']
    const client = { client_id: "c", client_secret: "${SECRET}" }
    assert.deepStrictEqual(read([url, "--client-credentials", ...info]).entry["oauth"], {
      ...client,
      grant_type: "client_credentials"
    })
    const endpoint = ["--token-endpoint", "https://as.example.com/token"]
    assert.deepStrictEqual(read([url, "--client-credentials", ...endpoint, ...info]).entry["oauth"], {
      ...client,
      grant_type: "client_credentials",
      token_url: "https://as.example.com/token"
    })
    assert.deepStrictEqual(read([url, "--device-code"]).entry["oauth"], { grant_type: "device_code" })
  })

  it("name the resource, unless it is the server", () => {
    const oauthOf = (...words: ReadonlyArray<string>) => read([url, ...words]).entry["oauth"]
    assert.isUndefined(oauthOf("--resource", url))
    assert.deepStrictEqual(oauthOf("--resource", ""), { send_resource: false })
    assert.deepStrictEqual(oauthOf("--disable-resource-parameter"), { send_resource: false })
    assert.deepStrictEqual(oauthOf("--disable-resource-parameter", "--resource", "https://r.example"), {
      send_resource: false
    })
    assert.deepStrictEqual(oauthOf("--resource", "api://r", "--authorize-param", "prompt=consent"), {
      extra_auth_params: { prompt: "consent", resource: "api://r" }
    })
    assert.deepStrictEqual(oauthOf("--authorize-param", "scope=a b"), { scopes: ["a", "b"] })
  })

  it("read headers from a file, and say which of them are from there", () => {
    const file = "# comment\nAuthorization: Bearer secret\n\nnot a header\r\nX-A: 1"
    const line = read([url, "--header-file", "h.txt", "--header", "X-A: 2"], { "h.txt": file })
    assert.deepStrictEqual(line.entry["headers"], { Authorization: "Bearer secret", "X-A": "2" })
    assert.deepStrictEqual(line.headersOfFiles, ["Authorization"])
    assert.deepStrictEqual(
      line.notices.map(({ text }) => text),
      ["has a line 4 that is not written as NAME:VALUE, and is ignored"]
    )
    assert.deepStrictEqual(noticesOf([url, "--header-file", "h.txt"]), [
      "header-file names a file that was not read: its headers are not sent"
    ])
  })

  it("allow http only where it is needed", () => {
    assert.deepStrictEqual(read(["http://nas.local/mcp", "--allow-http"]).entry, {
      url: "http://nas.local/mcp",
      allow_http: true
    })
    assert.deepStrictEqual(read(["http://localhost:1/mcp", "--allow-http"]).entry, {
      url: "http://localhost:1/mcp"
    })
    assert.deepStrictEqual(read(["http://nas.local/mcp"]).entry, { url: "http://nas.local/mcp" })
  })

  it("are put together again where a client has cut them at spaces", () => {
    for (const words of [
      ["--header", "Authorization:", "Bearer", "${TOKEN}"],
      ["--header", "Authorization: Bearer", "${TOKEN}"]
    ]) {
      for (const line of [
        [url, ...words],
        [...words, "--debug", url]
      ]) {
        const { entry, notices } = read(line)
        assert.deepStrictEqual(entry["headers"], { Authorization: "Bearer ${TOKEN}" }, line.join(" "))
        assert.match(notices[0]?.text ?? "", /cut at its spaces/)
      }
    }
    assert.deepStrictEqual(read([url, "--header", "X-Empty:"]).entry["headers"], { "X-Empty": "" })
  })

  it.each([
    [[url, "--transprt", "http-only"], "transprt is not known, and is ignored; did you mean --transport?"],
    [[url, "--quux"], "quux is not known, and is ignored"],
    [[url, "--auth-timeout", "soon"], "auth-timeout is not a positive number of seconds, and is ignored"],
    [[url, "--ping-interval", "-1"], "ping-interval is not a positive number of seconds, and is ignored"],
    [
      [url, "--transport", "ws"],
      "transport is not one of http-first, sse-first, http-only, sse-only, and is ignored"
    ],
    [[url, "--protocol", "new"], "protocol is not one of legacy, auto, and is ignored"],
    [[url, "--header", "nonsense s3cr3t"], "header is not written as NAME:VALUE, and is ignored"],
    [[url, "--header"], "header has no value, and is ignored"],
    [
      [url, "--ipv4"],
      "ipv4 has no effect here: both kinds of address are tried, and the first that answers is used"
    ],
    [
      [url, "--client-metadata-url", "http://x/y"],
      "client-metadata-url is not an https URL with a path, and is ignored"
    ],
    [
      [url, "--static-oauth-client-metadata", '{"client_name":"x","logo_uri":"y"}'],
      "static-oauth-client-metadata is used for scope and token_endpoint_auth_method only: client_name, logo_uri have no effect here"
    ],
    [
      [url, "--static-oauth-client-info", "@c.json"],
      "static-oauth-client-info names a file that was not read"
    ],
    [[url, "9000", "more"], "the word after the port is one word that mcp-remote ignores, too"]
  ])("%j: %s", (line, notice) => {
    assert.deepStrictEqual(noticesOf(line), [notice])
  })

  it.each([
    [[], "URL is missing"],
    [["--debug"], "URL is missing"],
    [["mcp.example.com/mcp"], "URL is not the http or https URL of a server"],
    [["https://<your-host>/mcp"], "URL is not the http or https URL of a server"],
    [
      ["https://user:pw@mcp.example.com/mcp"],
      "URL has a user name or a password in it. Leave them out, and send a header instead"
    ],
    [["ftp://mcp.example.com"], "URL is not the http or https URL of a server"],
    [[url, "--authorize-param", "x"], "authorize-param must be written as NAME=VALUE"],
    [
      [url, "--authorize-param", "state=1"],
      "authorize-param cannot set state, which belongs to the protocol"
    ],
    [[url, "--resource", "tenant"], "resource must be an absolute URI (RFC 8707)"],
    [[url, "--token-endpoint", "https://x/y"], "token-endpoint is only for --client-credentials"],
    [
      [url, "--static-oauth-client-info", "{client_id: s3cr3t}"],
      "static-oauth-client-info must be a JSON object, or @ and the path of a file with one"
    ],
    [
      [url, "--static-oauth-client-metadata", "[]"],
      "static-oauth-client-metadata must be a JSON object, or @ and the path of a file with one"
    ],
    [[url, "--static-oauth-client-info", "{}"], "static-oauth-client-info has no client_id"]
  ])("%j is refused: %s", (line, problem) => {
    assert.strictEqual(problemOf(line), problem)
  })

  it("never repeat a secret in what is said", () => {
    const secret = "s3cr3t-value"
    for (const line of [
      [url, "--header", `Authorization Bearer ${secret}`],
      [url, "--static-oauth-client-info", `{"client_secret":"${secret}"}`],
      [url, "--static-oauth-client-info", secret],
      [url, "--authorize-param", secret],
      [secret],
      [url, secret, secret],
      [url, "--header-file", `Authorization: ${secret}`],
      [url, "--static-oauth-client-info", `@${secret}`]
    ]) {
      const result = readRemoteLine(line)
      const said = Result.isFailure(result) ? result.failure : result.success.notices
      assert.notInclude(JSON.stringify(said), secret)
    }
  })
})
