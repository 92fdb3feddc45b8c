"""What of a text is the author's own: code and quoted speech are blotted out, every character in its place."""

from __future__ import annotations

import re

_CODE = re.compile(r"(`+)(?!`).{1,2000}?(?<!`)\1(?!`)", re.DOTALL)
_SPEECH = re.compile(
    r"“[^“”]{0,1500}”|„[^„“”]{0,1500}[“”]|«[^«»]{0,1500}»|»[^«»]{0,1500}«|「[^「」]{0,1500}」"
    r"|(?<![\w\"])\"[^\"]{1,1500}\"(?!\w)|(?<![\w'])'[^'\n]{1,400}[,.!?]'(?!\w)|‘[^‘’\n]{1,400}[,.!?]’"
)


def unquoted_code(text: str) -> str:
    """A text with its inline code blotted out, every character in its place."""
    return _CODE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text) if "`" in text else text


def unspoken(text: str) -> str:
    """A text with inline code and quoted speech blotted out, every character in its place."""
    return _SPEECH.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), unquoted_code(text))
