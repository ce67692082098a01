/**
 * A module of Node, loaded on first use. Undefined where there is no Node: in a browser or a Worker.
 *
 * An `import` would keep its importers out of such platforms, and costs every start of the program 2 to 10 ms.
 */
export const nodeModule = <Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined =>
  typeof process === "undefined"
    ? undefined
    : (process.getBuiltinModule?.(name) as NodeModules[Name] | undefined)

interface NodeModules {
  readonly "node:diagnostics_channel": typeof import("node:diagnostics_channel")
  readonly "node:dns/promises": typeof import("node:dns/promises")
  readonly "node:fs/promises": typeof import("node:fs/promises")
  readonly "node:http": typeof import("node:http")
  readonly "node:https": typeof import("node:https")
  readonly "node:net": typeof import("node:net")
  readonly "node:stream": typeof import("node:stream")
  readonly "node:tls": typeof import("node:tls")
  readonly "node:zlib": typeof import("node:zlib")
}
