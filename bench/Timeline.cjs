/**
 * Preloaded into a measured program: appends what it does to the file `TIMELINE`, one list of marks per run, in milliseconds
 * since the process began. It needs no strace, and costs less than a millisecond.
 */
const { subscribe } = require("node:diagnostics_channel")
const fs = require("node:fs")
const Module = require("node:module")
const { basename } = require("node:path")

const marks = []
const mark = (what) => marks.push([what, performance.now()])
mark("Node has started")

const load = Module._extensions[".cjs"] ?? Module._extensions[".js"]
Module._extensions[".cjs"] = (module, file) => {
  load(module, file)
  mark(`${basename(file)} is loaded`)
}

const { readFile } = fs.promises
fs.promises.readFile = (path, ...rest) => {
  const read = readFile(path, ...rest)
  if (String(path).endsWith(".enc")) void read.then(() => mark("the credential is read"))
  return read
}

const methods = new Map()
const nameOf = (request) => methods.get(request) ?? request.method
// By node:http, which sends the first requests.
subscribe("net.client.socket", ({ socket }) =>
  socket.once("connect", () => {
    if (socket.remotePort !== undefined) mark("a connection is open")
  })
)
subscribe("http.client.request.start", ({ request }) =>
  mark(`${request.getHeader("mcp-method") ?? request.method} is sent`)
)
subscribe("http.client.response.finish", ({ request }) =>
  mark(`${request.getHeader("mcp-method") ?? request.method} is answered`)
)
// By undici.
subscribe("undici:client:connected", () => mark("a connection is open"))
subscribe("undici:client:sendHeaders", ({ request }) => mark(`${nameOf(request)} is sent`))
subscribe("undici:request:create", ({ request }) => {
  const header = /^mcp-method: (.*)\r?$/im.exec(String(request.headers))
  if (header !== null) methods.set(request, header[1])
})
subscribe("undici:request:trailers", ({ request }) => mark(`${nameOf(request)} is answered`))

const { write } = process.stdout
process.stdout.write = (text, ...rest) => {
  if (text !== "") mark("the result is printed")
  return write.call(process.stdout, text, ...rest)
}
process.on("exit", () => {
  mark("the program ends")
  fs.appendFileSync(process.env.TIMELINE, `${JSON.stringify(marks)}\n`)
})
