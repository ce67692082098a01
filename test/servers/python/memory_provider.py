"""An authorization server of the official Python SDK, with everything in memory. Every user approves."""

import secrets
import time

from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    construct_redirect_uri,
)
from mcp.shared.auth import OAuthToken


class MemoryProvider(OAuthAuthorizationServerProvider):
    """Refresh tokens rotate. One that is used twice ends its sign-in (RFC 9700, section 4.14.2)."""

    def __init__(self):
        self.clients, self.codes, self.access, self.refresh = {}, {}, {}, {}
        # The sign-in of each token, by token; rotated refresh tokens stay known.
        self.families: dict[str, str] = {}

    async def expire(self):
        for token in self.access.values():
            token.expires_at = int(time.time()) - 1

    async def forget(self):
        self.__init__()

    async def get_client(self, client_id):
        return self.clients.get(client_id)

    async def register_client(self, client_info):
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client, params):
        code = secrets.token_urlsafe(32)
        self.codes[code] = AuthorizationCode(
            code=code,
            client_id=client.client_id,
            scopes=params.scopes or [],
            expires_at=time.time() + 60,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
        )
        return construct_redirect_uri(str(params.redirect_uri), code=code, state=params.state)

    async def load_authorization_code(self, client, authorization_code):
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(self, client, authorization_code):
        del self.codes[authorization_code.code]
        return self.issue(authorization_code, secrets.token_hex(8), authorization_code.scopes)

    def issue(self, granted, family, scopes):
        access, refresh = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.families[access] = self.families[refresh] = family
        shared = {"client_id": granted.client_id, "scopes": scopes, "resource": granted.resource}
        self.access[access] = AccessToken(token=access, expires_at=int(time.time()) + 3600, **shared)
        self.refresh[refresh] = RefreshToken(token=refresh, **shared)
        return OAuthToken(
            access_token=access, token_type="Bearer", expires_in=3600, refresh_token=refresh, scope=" ".join(scopes)
        )

    def end(self, family):
        for tokens in (self.access, self.refresh):
            for token in [token for token in tokens if self.families[token] == family]:
                del tokens[token]

    async def load_refresh_token(self, client, refresh_token):
        if refresh_token not in self.refresh and refresh_token in self.families:
            self.end(self.families[refresh_token])
        return self.refresh.get(refresh_token)

    async def exchange_refresh_token(self, client, refresh_token, scopes):
        del self.refresh[refresh_token.token]
        return self.issue(refresh_token, self.families[refresh_token.token], scopes or refresh_token.scopes)

    async def load_access_token(self, token):
        found = self.access.get(token)
        return None if found is None or found.expires_at < time.time() else found

    async def revoke_token(self, token):
        self.end(self.families[token.token])
