/** What a browser needs from the environment: the session of the desktop, the language, proxies, and folders. */
const ofDesktop =
  /^(HOME|USER|LOGNAME|SHELL|PATH|LANG|LANGUAGE|LC_\w+|TZ|TERM|TMPDIR|TEMP|TMP|DISPLAY|WAYLAND_\w+|XAUTHORITY|ICEAUTHORITY|SESSION_MANAGER|XDG_\w+|DBUS_\w+|DESKTOP_\w+|(GNOME|KDE|MATE|GTK|GDK|QT|GIO|MOZ)_\w+|XMODIFIERS|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|LD_LIBRARY_PATH|NIX_\w+|WSL\w*|__CF\w+|SystemRoot|SystemDrive|windir|ComSpec|PATHEXT|APPDATA|LOCALAPPDATA|ALLUSERSPROFILE|(Common)?Program[\w()]*|USERPROFILE|USERNAME|USERDOMAIN|HOMEDRIVE|HOMEPATH|PUBLIC)$/i

/** Names of secrets, of settings that hold secrets, and of what makes another Node run code. */
const ofSecret =
  /^(MCP_CLI|VAULT|BAO|OTEL)_|^NODE_OPTIONS$|TOKEN|SECRET|PASSW|PASSPHRASE|CREDENTIAL|KEY(S?$|_)|_(PASS|PWD|PAT|AUTH|DSN)$/i

/** A URL with a password in it. */
const withPassword = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*:[^/?#]*@/i

/**
 * The part of an environment that a browser gets. It runs for long, and every program that it starts inherits this.
 *
 * **Details**
 *
 * The browser of the platform gets what {@link ofDesktop} lists. A program of `$BROWSER` may need variables that no list
 * has, such as the socket of an editor. It also gets the others, except for secrets: by their names, by a password in a
 * URL, and by the configuration.
 *
 * @param configured the variables that the configuration uses
 */
export const browserEnvironment = (
  environment: NodeJS.ProcessEnv,
  program: "platform" | "named",
  configured: ReadonlyArray<string>
): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environment).filter(
      ([name, value = ""]) =>
        ofDesktop.test(name) ||
        (program === "named" &&
          !ofSecret.test(name) &&
          !configured.includes(name) &&
          !withPassword.test(value))
    )
  )
