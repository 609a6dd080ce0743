from agents.librarian import NAME, create_librarian
from durable_agents.sessions.mcp import McpTools
from durable_agents.settings.groups import McpServerSettings
from durable_agents.testing import OfflineChatClient

SERVER = McpServerSettings("https://example.com/mcp", token="s3cret")


def test_its_server_is_declared_with_the_tools_that_only_read() -> None:
    (server,) = McpTools.of_agent(create_librarian(OfflineChatClient(), SERVER)).servers
    assert (server.name, server.connection) == ("library", SERVER)
    assert server.allowed_tools == frozenset({"list_documents", "read_document"})


def test_the_token_is_not_shown() -> None:
    assert "s3cret" not in repr(create_librarian(OfflineChatClient(), SERVER).additional_properties)


def test_its_name_is_stored_in_sessions() -> None:
    assert NAME == "Librarian"
