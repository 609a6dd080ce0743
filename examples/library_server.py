"""Serve the text files of a folder over MCP, as a stand-in for a server of tools that is not yours.

    python3 dev.py run examples/library_server.py

It listens at http://127.0.0.1:8765/mcp, for this machine only. `--port` and `--folder` change that.
"""

import argparse
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

LIBRARY = Path(__file__).resolve().parents[1] / "agents" / "library"


def create_server(folder: Path) -> MCPServer:
    """Return the server; its tools only read, and only the text files that lie directly in the folder."""
    server = MCPServer("library", instructions="The documents of a shop.")

    @server.tool()
    def list_documents() -> str:
        """List the documents of the library, each with its first line."""
        titles = {file.name: file.read_text(encoding="utf-8").split("\n", 1)[0] for file in folder.glob("*.txt")}
        return "\n".join(f"{name}: {title}" for name, title in sorted(titles.items()))

    @server.tool()
    def read_document(document: str) -> str:
        """Read a document of the library by its name, such as returns.txt."""
        names = sorted(file.name for file in folder.glob("*.txt"))
        if document not in names:
            raise ToolError(f"There is no document {document!r}. Known: {', '.join(names)}.")
        return (folder / document).read_text(encoding="utf-8")

    return server


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the text files of a folder over MCP.")
    parser.add_argument("--port", type=int, default=8765, help="where to listen (default: 8765)")
    parser.add_argument("--folder", type=Path, default=LIBRARY, help="what to serve (default: agents/library)")
    arguments = parser.parse_args()
    create_server(arguments.folder).run("streamable-http", host="127.0.0.1", port=arguments.port)


if __name__ == "__main__":
    main()
