import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer as createPlain, type Server } from "node:http"
import { createServer, type ServerOptions } from "node:https"
import { type AddressInfo, connect, createServer as createTcp, type Server as TcpServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, type Layer } from "effect"
import * as CoreTransport from "../../../src/adapters/http/CoreTransport.ts"
import * as FetchTransport from "../../../src/adapters/http/FetchTransport.ts"
import * as UndiciTransport from "../../../src/adapters/http/UndiciTransport.ts"
import { byteRequest } from "../../../src/domain/ByteRequest.ts"
import { tlsProblem } from "../../../src/adapters/http/TlsProblem.ts"
import { HttpTransport } from "../../../src/ports/HttpTransport.ts"

let folder = ""
const file = (name: string) => join(folder, name)
const read = (name: string) => readFileSync(file(name), "utf8")
const openssl = (line: string) => execFileSync("openssl", line.split(" "), { cwd: folder, stdio: "ignore" })

const key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
const trusted = getCACertificates("default")

/** A certificate of the test's authority. */
const issue = (name: string, from: string, to: string, subject = "IP:127.0.0.1") => {
  writeFileSync(file("names"), `subjectAltName=${subject}`)
  writeFileSync(file("index"), "")
  openssl(`req ${key} -subj /CN=${name} -keyout ${name}.key -out ${name}.csr`)
  openssl(
    `ca -batch -notext -config config -cert ca.pem -keyfile ca.key -in ${name}.csr -out ${name}.pem -startdate ${from} -enddate ${to} -extfile names`
  )
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tls-problem-"))
  writeFileSync(
    file("config"),
    "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\nunique_subject=no\npolicy=p\n[p]\ncommonName=supplied\n"
  )
  openssl(`req -x509 ${key} -days 2 -subj /CN=authority -keyout ca.key -out ca.pem`)
  openssl(
    `req -x509 ${key} -days 2 -subj /CN=self -addext subjectAltName=IP:127.0.0.1 -keyout self.key -out self.pem`
  )
  issue("good", "20200101000000Z", "20490101000000Z")
  issue("old", "20200101000000Z", "20200201000000Z")
  issue("young", "20480101000000Z", "20490101000000Z")
  issue("other", "20200101000000Z", "20490101000000Z", "DNS:other.test,DNS:www.other.test")
})
afterAll(() => {
  setDefaultCACertificates(trusted)
  rmSync(folder, { recursive: true })
})

const listening = (server: Server | TcpServer) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed((server.address() as AddressInfo).port)))
    }),
    () => Effect.sync(() => (server.close(), "closeAllConnections" in server && server.closeAllConnections()))
  )

/** A way to this port that changes a byte in each part of an answer. */
const corrupting = (port: number) =>
  createTcp((client) => {
    const server = connect(port, "127.0.0.1")
    // The handshake, and then the request.
    let parts = 0
    client.on("data", (part) => {
      parts++
      server.write(part)
    })
    server.on("data", (part) => {
      if (parts > 2) part.writeUInt8(part.readUInt8(part.length - 1) ^ 1, part.length - 1)
      client.write(part)
    })
    client.on("error", () => server.destroy()).on("close", () => server.destroy())
    server.on("error", () => client.destroy())
  })

const problemOf = (server: Server) =>
  Effect.gen(function* () {
    const port = yield* listening(server)
    const url = `https://127.0.0.1:${port}/`
    const errorOf = (layer: Layer.Layer<HttpTransport>) =>
      HttpTransport.use(({ send }) =>
        send(byteRequest(url, { method: "GET", headers: new Headers(), content: undefined }))
      ).pipe(Effect.provide(layer), Effect.flip)
    const error = yield* errorOf(FetchTransport.layer)
    assert.deepEqual({ ...(yield* errorOf(UndiciTransport.layer)) }, { ...error })
    const byCore = yield* errorOf(CoreTransport.layer)
    // Undici does not read what the server says after the handshake of TLS 1.3.
    if (!byCore.detail.includes("ALERT_CERTIFICATE_REQUIRED")) assert.deepEqual({ ...byCore }, { ...error })
    // What is wrong with a certificate does not pass.
    assert.strictEqual(error.isLasting === true, /its TLS certificate/.test(error.detail))
    return error.detail
  })

describe("a TLS connection that fails", () => {
  const authority = /from an unknown authority.*NODE_OPTIONS=--use-system-ca.*NODE_EXTRA_CA_CERTS/
  it.live.each<readonly [string, string, boolean, ServerOptions, RegExp]>([
    ["expired", "old", true, {}, /has expired \(CERT_HAS_EXPIRED; check the clock of this machine/],
    ["not valid yet", "young", true, {}, /is not valid yet .*check the clock/],
    [
      "another host",
      "other",
      true,
      {},
      /is for other names: other\.test, www\.other\.test .*check the address/
    ],
    ["self-signed", "self", false, {}, /is self-signed .*NODE_EXTRA_CA_CERTS/],
    ["an unknown authority", "good", false, {}, authority],
    ["client certificate, TLS 1.3", "good", true, { requestCert: true }, /may require a client certificate/],
    [
      "client certificate, TLS 1.2",
      "good",
      true,
      { requestCert: true, maxVersion: "TLSv1.2" },
      /may require a client certificate/
    ]
  ])("says why, and what helps: %s", ([, name, isTrusted, options, expected]) =>
    Effect.gen(function* () {
      const ca = read("ca.pem")
      setDefaultCACertificates(isTrusted ? [...trusted, ca] : trusted)
      const detail = yield* problemOf(
        createServer({ key: read(`${name}.key`), cert: read(`${name}.pem`), ca, ...options })
      )
      assert.match(detail, expected)
    }).pipe(Effect.scoped)
  )

  it.live("says why, and what helps: no TLS", () =>
    Effect.gen(function* () {
      assert.match(yield* problemOf(createPlain()), /does not speak TLS .*check the port/)
    }).pipe(Effect.scoped)
  )

  it.live("may have carried the request, once the connection was open", () =>
    Effect.gen(function* () {
      setDefaultCACertificates([...trusted, read("ca.pem")])
      let protocol: string | false | null = false
      const server = createServer(
        { key: read("good.key"), cert: read("good.pem") },
        ({ socket }, response) => {
          protocol = (socket as TLSSocket).alpnProtocol
          response.end("answer")
        }
      )
      const port = yield* listening(corrupting(yield* listening(server)))
      const url = `https://127.0.0.1:${port}/`
      yield* HttpTransport.use(({ connect: open }) => open?.(new URL(url)) ?? Effect.void).pipe(
        Effect.provide(CoreTransport.layer)
      )
      // The two parts of the handshake have to be there before the request.
      yield* Effect.sleep(200)
      const { detail, unanswered } = yield* HttpTransport.use(({ send }) =>
        send(byteRequest(url, { method: "GET", headers: [], content: undefined }))
      ).pipe(Effect.provide(CoreTransport.layer), Effect.flip)
      assert.deepEqual([unanswered, protocol], ["broke", "http/1.1"])
      assert.include(detail, "the connection broke")
    }).pipe(Effect.scoped)
  )

  it.each<[string, RegExp]>([
    ["SELF_SIGNED_CERT_IN_CHAIN", authority],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", authority],
    ["CERT_REVOKED", /is revoked/],
    ["CERT_UNTRUSTED", /is not trusted \(CERT_UNTRUSTED/],
    ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", /requires a client certificate/],
    ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", /no TLS version/],
    ["EPROTO", /the TLS handshake failed \(EPROTO\)/]
  ])("is explained by its code: %s", (code, expected) => {
    assert.match(tlsProblem(code, new Error(code)) ?? "", expected)
  })

  it.each(["ECONNREFUSED", "ENOTFOUND", ""])("is not every failure: %s", (code) => {
    assert.isUndefined(tlsProblem(code, new Error(code)))
  })
})
