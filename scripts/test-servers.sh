#!/usr/bin/env bash
# Installs the Python servers that the tests run against, and OpenBao and llama.cpp, which come as Python packages: one virtual environment
# per file of requirements, in a cache. With --java, Keycloak and Spring as well. Without them, the tests that need them are
# skipped by name. The place: test/servers/ServerCache.ts.
set -euo pipefail
cd "$(dirname "$0")/.."
cache=${TEST_SERVERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/mcp-cli-test-servers}

if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  echo "Not installed: the Python servers, OpenBao and llama.cpp (this needs python3 and python3-venv). The tests that use them are skipped."
  exit 0
fi
for requirements in test/servers/python/*.txt; do
  environment=$cache/$(basename "$requirements" .txt)
  # The copy is the last thing that an installation writes. An upgrade of Python leaves an environment that does not start.
  if cmp -s "$requirements" "$environment/installed.txt" && "$environment/bin/python" -c '' 2>/dev/null; then continue; fi
  rm -rf "$environment"
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --no-deps --require-hashes --requirement "$requirements"
  cp "$requirements" "$environment/installed.txt"
done

if [ "${1:-}" != --java ]; then exit 0; fi
if ! command -v java >/dev/null || ! command -v mvn >/dev/null; then
  echo "Not installed: Keycloak and Spring (this needs Java 17 and Maven). The tests that use them are skipped."
  exit 0
fi
keycloak=26.7.3
sha256=27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f
if [ ! -d "$cache/keycloak-$keycloak" ]; then
  mvn -q -B dependency:copy -Dartifact="org.keycloak:keycloak-quarkus-dist:$keycloak:zip" -DoutputDirectory="$cache/maven"
  archive=$cache/maven/keycloak-quarkus-dist-$keycloak.zip
  echo "$sha256  $archive" | sha256sum --check --quiet
  rm -rf "$cache/unpacked"
  (mkdir "$cache/unpacked" && cd "$cache/unpacked" && python3 -m zipfile -e "$archive" .)
  chmod +x "$cache/unpacked/keycloak-$keycloak/bin/"*.sh
  mv "$cache/unpacked/keycloak-$keycloak" "$cache/"
  rm -rf "$cache/unpacked" "$cache/maven"
fi

sources=$(cat test/servers/spring/pom.xml test/servers/spring/src/main/java/server/*.java | sha256sum)
if [ "$(cat "$cache/spring/sources.txt" 2>/dev/null)" != "$sources" ]; then
  rm -rf "$cache/spring"
  cp -r test/servers/spring "$cache/spring"
  (cd "$cache/spring" && mvn -q -B package && mv target/server.jar . && rm -rf target)
  echo "$sources" >"$cache/spring/sources.txt"
fi
