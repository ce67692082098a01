/**
 * True if no browser at this machine can show a page to the user: over SSH without a display, or on a Unix without one, such
 * as a container. The variables are those of the user's shell.
 *
 * **Details**
 *
 * A forwarded display (`ssh -X`) counts as one. Windows shows the pages of WSL. The terminals of VS Code, and of editors
 * built from it, set `$BROWSER` to a helper that opens the page at the user and forwards the port of the callback.
 */
export const isBrowserElsewhere = (
  platform: NodeJS.Platform,
  environment: Readonly<Record<string, string | undefined>>
): boolean => {
  const has = (name: string) => (environment[name] ?? "") !== ""
  if (/[\\/]helpers[\\/]browser\.(sh|cmd)$/.test(environment["BROWSER"] ?? "")) return false
  const isRemote = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"].some(has)
  const isDesktop = platform === "darwin" || platform === "win32" || platform === "android"
  const hasDisplay = !isDesktop && (has("DISPLAY") || has("WAYLAND_DISPLAY"))
  if (isRemote) return !hasDisplay
  return !isDesktop && !hasDisplay && !has("BROWSER") && !has("WSL_DISTRO_NAME") && !has("WSL_INTEROP")
}
