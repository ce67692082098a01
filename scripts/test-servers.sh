#!/usr/bin/env bash
# Installs the Python servers that the tests run against: one virtual environment per file of requirements, in a cache. Without
# them, the tests that need them are skipped by name. Also used by test/servers/PythonServer.ts: the place.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${TEST_SERVERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mcp-cli-test-servers}

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Not installed: the Python servers (this needs python3 and python3-venv). The tests that use them are skipped."
  exit 0
fi
for requirements in test/servers/python/mcp-*.txt; do
  environment=$cache/$(basename "$requirements" .txt)
  # The copy is the last thing that an installation writes. An upgrade of Python leaves an environment that does not start.
  if cmp -s "$requirements" "$environment/installed.txt" && "$environment/bin/python" -c '' 2>/dev/null; then continue; fi
  rm -rf "$environment"
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --no-deps --require-hashes --requirement "$requirements"
  cp "$requirements" "$environment/installed.txt"
done
