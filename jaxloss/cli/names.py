"""``jaxloss names``: the migration page."""

from __future__ import annotations

from jaxloss.names.page import markdown_page


def run() -> int:
    print(markdown_page())
    return 0
