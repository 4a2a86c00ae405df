"""Hook of mkdocs: the README is the site's home, and files outside docs/ that pages link to come along.

Links in the repository's Markdown stay as they are, good wherever the repository is read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
HOME = "index.md"
OUTSIDE = "repository"
"""Folder of the site for files from outside docs/."""

_LINK = re.compile(r"(?<=\]\()(?!\w+:)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the README as the home page."""
    files.append(File.generated(config, HOME, content=(ROOT / "README.md").read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the page's links to where their targets are in the site; what doesn't exist is left for mkdocs to find."""
    folder = ROOT if page.file.src_uri == HOME else (DOCS / page.file.src_uri).parent

    def moved(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / link[1]))
        if not target.is_file():
            return link[1]
        if target.is_relative_to(DOCS):
            uri = target.relative_to(DOCS).as_posix()
        else:
            # Text, not a page: its own links lead on into the repository.
            uri = f"{OUTSIDE}/{target.relative_to(ROOT).as_posix()}".removesuffix(".md") + ".txt"
            if files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, content=target.read_text("utf-8")))
        return os.path.relpath(uri, Path(page.file.src_uri).parent)

    return _LINK.sub(moved, markdown)
