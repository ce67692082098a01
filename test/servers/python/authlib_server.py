"""An authorization server of Authlib and Flask, and an MCP server of the official Python SDK that takes its tokens."""

import os
import threading
import time
from dataclasses import dataclass
from pathlib import PurePosixPath

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants, list_to_scope, scope_to_list
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7592 import ClientConfigurationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask, jsonify, request
from harness import bind, record, serve
from mcp.server import MCPServer
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from werkzeug.serving import make_server

listening, origin = bind()
resource = f"{origin}/mcp"
issuing, issuer = bind()
metadata = {
    "issuer": issuer,
    "authorization_endpoint": f"{issuer}/oauth/authorize",
    "token_endpoint": f"{issuer}/oauth/token",
    "registration_endpoint": f"{issuer}/oauth/register",
    "revocation_endpoint": f"{issuer}/oauth/revoke",
    "scopes_supported": ["notes"],
    "response_types_supported": ["code"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
}


@dataclass
class Client(ClientMixin):
    info: dict
    metadata: dict
    management_token: str

    @property
    def client_info(self):
        return self.info

    @property
    def client_metadata(self):
        return self.metadata

    def get_client_id(self):
        return self.info["client_id"]

    def get_allowed_scope(self, scope):
        allowed = scope_to_list(self.metadata.get("scope", ""))
        return list_to_scope([name for name in scope_to_list(scope or "") if name in allowed])

    def check_redirect_uri(self, redirect_uri):
        return redirect_uri in self.metadata["redirect_uris"]

    def check_client_secret(self, client_secret):
        return client_secret == self.info.get("client_secret")

    def check_endpoint_auth_method(self, method, endpoint):
        return method == self.metadata.get("token_endpoint_auth_method", "client_secret_basic")

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in self.metadata.get("grant_types", ["authorization_code"])

    def check_client(self, client):
        return client.get_client_id() == self.get_client_id()


@dataclass
class Code:
    code: str
    client_id: str
    redirect_uri: str
    scope: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope


@dataclass
class Token(TokenMixin):
    answer: dict
    client_id: str
    family: str
    expires_at: float
    rotated: bool = False

    def check_client(self, client):
        return client.get_client_id() == self.client_id

    def get_scope(self):
        return self.answer.get("scope", "")


clients: dict[str, Client] = {}
codes: dict[str, Code] = {}
tokens: list[Token] = []


def end(family):
    tokens[:] = [token for token in tokens if token.family != family]


def find(name, value):
    return next((token for token in tokens if token.answer.get(name) == value), None)


def save_token(answer, request):
    used = request.refresh_token
    family = used.family if used else answer["access_token"]
    tokens.append(Token(answer, request.client.get_client_id(), family, time.time() + answer["expires_in"]))


app = Flask(__name__)
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": 3600, "refresh_token": 3600}
server = AuthorizationServer(app, clients.get, save_token)
methods = ["client_secret_basic", "client_secret_post", "none"]


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = methods

    def save_authorization_code(self, code, request):
        asked = request.payload
        codes[code] = Code(
            code,
            asked.client_id,
            asked.redirect_uri,
            asked.scope,
            asked.data["code_challenge"],
            asked.data["code_challenge_method"],
        )

    def query_authorization_code(self, code, client):
        found = codes.get(code)
        return found if found and found.client_id == client.get_client_id() else None

    def delete_authorization_code(self, authorization_code):
        del codes[authorization_code.code]

    def authenticate_user(self, authorization_code):
        return "demo"


class RefreshGrant(grants.RefreshTokenGrant):
    """Refresh tokens rotate. One that is used twice ends its sign-in (RFC 9700, section 4.14.2)."""

    TOKEN_ENDPOINT_AUTH_METHODS = methods
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        found = find("refresh_token", refresh_token)
        if found and found.rotated:
            end(found.family)
            return None
        return found

    def authenticate_user(self, refresh_token):
        return "demo"

    def revoke_old_credential(self, refresh_token):
        refresh_token.rotated = True


class Registration(ClientRegistrationEndpoint):
    def authenticate_token(self, request):
        return "open"

    def get_server_metadata(self):
        return metadata

    def generate_client_registration_info(self, client, request):
        return {
            "registration_client_uri": f"{issuer}/oauth/register/{client.get_client_id()}",
            "registration_access_token": client.management_token,
        }

    def save_client(self, client_info, client_metadata, request):
        if client_metadata.get("token_endpoint_auth_method") == "none":
            del client_info["client_secret"]
        client = Client(client_info, client_metadata, os.urandom(16).hex())
        clients[client.get_client_id()] = client
        return client


class Configuration(ClientConfigurationEndpoint):
    def authenticate_token(self, request):
        value = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return next((client for client in clients.values() if client.management_token == value), None)

    def authenticate_client(self, request):
        return clients.get(PurePosixPath(request.uri).name)

    def revoke_access_token(self, token, request):
        pass

    def check_permission(self, client, request):
        return True

    def delete_client(self, client, request):
        del clients[client.get_client_id()]

    def generate_client_registration_info(self, client, request):
        return {"registration_client_uri": request.uri, "registration_access_token": client.management_token}

    def get_server_metadata(self):
        return metadata


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = methods

    def query_token(self, token_string, token_type_hint):
        return find("access_token", token_string) or find("refresh_token", token_string)

    def revoke_token(self, token, request):
        end(token.family)


class Issuer(IssuerParameter):
    def get_issuer(self):
        return issuer


server.register_grant(CodeGrant, [CodeChallenge(required=True)])
server.register_grant(RefreshGrant)
server.register_extension(Issuer())
for endpoint in (Registration, Configuration, Revocation):
    server.register_endpoint(endpoint)


@app.get("/.well-known/oauth-authorization-server")
def describe():
    return jsonify(metadata)


@app.get("/oauth/authorize")
def authorize():
    return server.create_authorization_response(grant_user="demo")


@app.post("/oauth/token")
def token():
    return server.create_token_response()


@app.post("/oauth/register")
def register():
    return server.create_endpoint_response("client_registration")


@app.route("/oauth/register/<client_id>", methods=["GET", "PUT", "DELETE"])
def configure(client_id):
    return server.create_endpoint_response("client_configuration")


@app.post("/oauth/revoke")
def revoke():
    return server.create_endpoint_response("revocation")


@app.after_request
def note(response):
    path = request.path.removeprefix("/oauth")
    record(path, f"grant_type={request.form.get('grant_type', '')}".encode(), response.status_code)
    return response


class Verifier:
    async def verify_token(self, token):
        found = find("access_token", token)
        if found is None or found.expires_at < time.time():
            return None
        return AccessToken(
            token=token,
            client_id=found.client_id,
            scopes=scope_to_list(found.get_scope()),
            expires_at=int(found.expires_at),
        )


async def expire():
    for token in tokens:
        token.expires_at = 0


async def forget():
    clients.clear()
    tokens.clear()


mcp = MCPServer(
    "demo",
    token_verifier=Verifier(),
    auth=AuthSettings(
        issuer_url=issuer,
        resource_server_url=resource,
        required_scopes=["notes"],
        # Authlib knows no resource indicators.
        validate_token_resource=False,
    ),
    log_level="WARNING",
)


@mcp.tool()
def add(a: int, b: int) -> int:
    return a + b


threading.Thread(
    target=make_server("127.0.0.1", 0, app, threaded=True, fd=issuing.fileno()).serve_forever, daemon=True
).start()
serve(mcp.streamable_http_app(), listening, resource, expire=expire, forget=forget)
