from pathlib import Path

import pytest
from mcp import Client
from mcp.types import TextContent

from examples.library_server import create_server


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "tea.txt").write_text("Tea\n\nIt is hot.\n", encoding="utf-8")
    (tmp_path / "private.txt").write_text("secret", encoding="utf-8")
    return folder


async def call(folder: Path, tool: str, **arguments: str) -> tuple[str, bool]:
    async with Client(create_server(folder)) as client:
        result = await client.call_tool(tool, arguments)
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text, bool(result.is_error)


async def test_documents_are_listed_and_read(library: Path) -> None:
    assert await call(library, "list_documents") == ("tea.txt: Tea", False)
    assert await call(library, "read_document", document="tea.txt") == ("Tea\n\nIt is hot.\n", False)


@pytest.mark.parametrize("document", ["../private.txt", "/etc/passwd", "coffee.txt", ""])
async def test_only_documents_of_the_folder_are_read(library: Path, document: str) -> None:
    text, is_error = await call(library, "read_document", document=document)
    assert text.endswith(f"There is no document {document!r}. Known: tea.txt.")
    assert is_error
