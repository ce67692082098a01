// This module imports neither Effect nor Node: bin.ts loads it first, and web applications read configurations.

/** A path in which `~` is the home folder, as in a shell. */
export const withHome = (path: string, home: string): string =>
  /^~[/\\]/.test(path) ? home.replace(/[/\\]$/, "") + path.slice(1) : path
