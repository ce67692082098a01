"""An MCP server of FastMCP: `memory`, or `proxy` or `remote` with the issuer of another authorization server."""

import json
import sys
import urllib.request

from fastmcp import FastMCP
from fastmcp.server.auth import OAuthProxy, RemoteAuthProvider
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from fastmcp.server.auth.providers.jwt import JWTVerifier
from harness import bind, serve
from key_value.aio.stores.memory import MemoryStore
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions

scopes = ["mcp:read"]
listening, origin = bind()


class Verifier(JWTVerifier):
    """Refuses the tokens that it has seen before `expire`: a signed token cannot be made to expire earlier."""

    seen: set[str] = set()
    refused: set[str] = set()

    async def verify_token(self, token):
        self.seen.add(token)
        return None if token in self.refused else await super().verify_token(token)

    async def expire(self):
        self.refused |= self.seen


def verifier(issuer: str) -> Verifier:
    return Verifier(
        jwks_uri=f"{issuer}/jwks", issuer=issuer, audience=f"{origin}/mcp", required_scopes=scopes
    )


def memory():
    provider = InMemoryOAuthProvider(
        base_url=origin,
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=scopes, default_scopes=scopes
        ),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=scopes,
    )

    async def expire():
        for token in provider.access_tokens.values():
            token.expires_at = 1

    async def forget():
        for part in (provider.clients, provider.access_tokens, provider.refresh_tokens):
            part.clear()

    return provider, {"expire": expire, "forget": forget}


def proxy(issuer: str):
    callback = f"{origin}/auth/callback"
    registration = urllib.request.Request(
        f"{issuer}/register",
        json.dumps(
            {
                "redirect_uris": [callback],
                "token_endpoint_auth_method": "client_secret_basic",
                "grant_types": ["authorization_code", "refresh_token"],
            }
        ).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(registration) as answer:
        client = json.load(answer)
    store = MemoryStore()
    tokens = verifier(issuer)
    provider = OAuthProxy(
        upstream_authorization_endpoint=f"{issuer}/authorize",
        upstream_token_endpoint=f"{issuer}/token",
        upstream_revocation_endpoint=f"{issuer}/revoke",
        upstream_client_id=client["client_id"],
        upstream_client_secret=client["client_secret"],
        token_verifier=tokens,
        base_url=origin,
        client_storage=store,
        # The page has a form, and the tests' browser only follows redirects.
        require_authorization_consent=False,
    )

    async def forget():
        for collection in await store.collections():
            await store.delete_many(await store.keys(collection=collection), collection=collection)

    return provider, {"expire": tokens.expire, "forget": forget}


def remote(issuer: str):
    tokens = verifier(issuer)
    provider = RemoteAuthProvider(token_verifier=tokens, authorization_servers=[issuer], base_url=origin)
    return provider, {"expire": tokens.expire}


kinds = {"memory": memory, "proxy": proxy, "remote": remote}
provider, controls = kinds[sys.argv[1]](*sys.argv[2:])
server = FastMCP("demo", auth=provider)


@server.tool
def add(a: int, b: int) -> int:
    return a + b


serve(server.http_app(path="/mcp"), listening, f"{origin}/mcp", **controls)
