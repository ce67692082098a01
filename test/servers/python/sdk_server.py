"""An MCP server of the official Python SDK, which is its own authorization server: 1.x or 2.x, by what is installed."""

from harness import bind, serve
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from memory_provider import MemoryProvider

try:
    from mcp.server import MCPServer
except ImportError:
    from mcp.server.fastmcp import FastMCP as MCPServer

listening, origin = bind()
provider = MemoryProvider()
server = MCPServer(
    "demo",
    log_level="WARNING",
    auth_server_provider=provider,
    auth=AuthSettings(
        issuer_url=origin,
        resource_server_url=f"{origin}/mcp",
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=["mcp"], default_scopes=["mcp"]
        ),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=["mcp"],
        validate_token_resource=True,
    ),
)


@server.tool()
def add(a: int, b: int) -> int:
    return a + b


serve(
    server.streamable_http_app(),
    listening,
    f"{origin}/mcp",
    expire=provider.expire,
    forget=provider.forget,
)
