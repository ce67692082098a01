import { win32 } from "node:path"

/** A program that opens a URL. */
export interface Opener {
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** Its standard input; absent: none. */
  readonly input?: string
}

/**
 * The programs that open a URL in the default browser of a platform, best first. Not the package `open`: it passes on the
 * whole environment.
 */
export const platformOpeners = (
  platform: NodeJS.Platform,
  environment: NodeJS.ProcessEnv,
  url: string
): ReadonlyArray<Opener> => {
  const byWindows = (folder: string): Opener => ({
    command: `${folder}rundll32.exe`,
    args: ["url.dll,FileProtocolHandler", url]
  })
  switch (platform) {
    case "darwin":
      return [
        // An Apple event carries the URL, so it is in the arguments of no process. Any user can read those.
        {
          command: "/usr/bin/osascript",
          args: ["-"],
          input: `open location ${JSON.stringify(url)}\n`
        },
        { command: "/usr/bin/open", args: [url] }
      ]
    case "win32":
      return [byWindows(`${win32.join(environment["SystemRoot"] ?? "C:\\Windows", "System32")}\\`)]
    default: {
      const isWsl = environment["WSL_DISTRO_NAME"] !== undefined
      const byName = (command: string): Opener => ({ command, args: [url] })
      return [
        ...(isWsl ? [byName("wslview"), byWindows("")] : []),
        ...["xdg-open", "x-www-browser", "www-browser"].map(byName)
      ]
    }
  }
}
