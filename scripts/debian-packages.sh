#!/usr/bin/env bash
# Installs what the tests use of Debian, where it may: a browser, a keyring on a message bus, and shells. Without them, the
# tests that need them are skipped by name.
set -euo pipefail
packages=(chromium dbus fish gnome-keyring libglib2.0-bin libsecret-tools openssl zsh)
# The Python of this machine may have its own.
python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)

missing=()
for package in "${packages[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
  echo "Not installed: ${missing[*]} (this needs apt-get, and root). The tests that use them are skipped."
  exit 0
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
