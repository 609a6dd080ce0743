"""The documents lead somewhere: each link has a file of the project, and each record of a decision its number."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [
    *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")),
    *(ROOT / "docs").rglob("*.md"),
    *(path for name in ("durable_agents", "devhost") for path in (ROOT / name).glob("*.md")),
    *(path for name in ("durable_agents", "devhost") for path in (ROOT / name / "docs").rglob("*.md")),
]
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([\w-]+))?\)")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def anchors_of(page: Path) -> set[str]:
    """Return the names under which the headings of a page can be linked to."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.exists()], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    lost = []
    for file, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / file).resolve() if file else page
        # The examples, for one, may have been deleted as a whole.
        if not (ROOT / target.relative_to(ROOT).parts[0]).exists():
            continue
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors_of(target)):
            lost.append(f"{file}#{anchor}")
    assert lost == []


@pytest.mark.skipif(not DECISIONS, reason="a project of one's own has no records of ours")
def test_decisions_are_numbered_one_after_the_other() -> None:
    numbers = [int(path.name.partition("-")[0]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    titles = [path.read_text(encoding="utf-8").partition("\n")[0] for path in DECISIONS]
    assert [title.partition(". ")[0] for title in titles] == [f"# {number}" for number in numbers]
