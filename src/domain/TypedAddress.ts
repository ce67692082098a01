import { type Command, command } from "./Remedy.ts"

/** Parts of a host name that say nothing about whose server it is. */
const generic = /^(mcp|www|api|app|server|ai|com|org|net|io|dev|co|uk|\d+)$/

const isLoopback = (hostname: string): boolean => /^(localhost|127\.[\d.]+|\[::1\])$/.test(hostname)

/** A name for the server at an address: `notion` for https://mcp.notion.com/mcp, `local` for one on this machine. */
export const nameForUrl = ({ hostname }: URL): string =>
  isLoopback(hostname)
    ? "local"
    : (hostname
        .split(".")
        .toReversed()
        .slice(1)
        .find((label) => !generic.test(label) && /^[\w-]+$/.test(label)) ?? "my-server")

/** The URL that `mcp.notion.com/mcp` or `localhost:3000` is probably meant to be. Undefined: it does not look like one. */
export const urlWithoutScheme = (given: string): URL | undefined => {
  if (!/^(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?(\/|$)/.test(given)) return undefined
  if (/\.(js|mjs|cjs|ts|py|sh|exe|cmd|bat)$/.test(given)) return undefined
  return URL.parse(`${/^(localhost|127\.)/.test(given) ? "http" : "https"}://${given}`) ?? undefined
}

/** The command that adds what a user has typed in the place of a server's name. */
export const addTyped = (given: string | undefined, purpose: string): Command => {
  const url = given === undefined ? undefined : urlWithoutScheme(given)
  if (url === undefined) return command("add", { server: given, purpose })
  return command("add", { server: nameForUrl(url), url: url.href.replace(/\/$/, ""), purpose })
}
