"""File names as clients send them: any text, of any system, meant well or not."""

from __future__ import annotations

import re

LONGEST = 255  # bytes of UTF-8, as file systems have it

# Line ends and other controls, halves of characters, and what turns the direction of text around,
# with which "gpj.exe" is shown as "exe.jpg".
_UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def base_name(filename: str) -> str:
    r"""The last component of a path of any system, without what a name must not hold.

    "C:\photos\a.png" and "/etc/../a.png" are "a.png"; of a name over 255 bytes the end of the stem
    goes, never the extension. Empty where nothing is left.
    """
    name = _UNWANTED.sub("", re.split(r"[/\\]", filename)[-1]).strip()
    if name in {".", ".."}:
        return ""
    over = len(name.encode()) - LONGEST
    if over <= 0:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 32:
        stem, dot, extension = name, "", ""
    kept = stem.encode()[: LONGEST - len((dot + extension).encode())]
    return kept.decode(errors="ignore") + dot + extension
