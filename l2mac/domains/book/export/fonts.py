"""The fonts of a book: our own, and those of this computer for the scripts that our own lacks."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Any

FAMILY = "EB Garamond"
_PACKAGE = "fontpkg_eb_garamond"  # SIL Open Font License 1.1
# What to look for first: script → families, the finest first, and the Debian package that brings one.
_FAMILIES = {
    "CJK": ("Noto Serif CJK {}", "Source Han Serif {}", "Noto Sans CJK {}", "WenQuanYi Zen Hei", "Songti {}"),
    "ARABIC": ("Amiri", "Noto Naskh Arabic", "Scheherazade New", "Noto Sans Arabic", "Geeza Pro"),
    "HEBREW": ("Frank Ruhl Libre", "Noto Serif Hebrew", "Noto Sans Hebrew", "Arial Hebrew"),
    "EMOJI": ("Noto Color Emoji", "Twitter Color Emoji", "Apple Color Emoji", "Segoe UI Emoji", "Noto Emoji"),
}
_DEBIAN = {"CJK": "fonts-noto-cjk", "EMOJI": "fonts-noto-color-emoji"}


def folder() -> str:
    """The folder of our own fonts."""
    return str(files(_PACKAGE).joinpath("files"))


def licence() -> bytes:
    """The licence of our own fonts, to be kept beside them."""
    return files(_PACKAGE).joinpath("LICENSE").read_bytes()


def subset(text: str, *, italic: bool) -> bytes:
    """Our font as WOFF with the characters of a text only; the same text gives the same bytes."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    name = "EBGaramond-Italic[wght].ttf" if italic else "EBGaramond[wght].ttf"
    font = TTFont(BytesIO(files(_PACKAGE).joinpath("files", name).read_bytes()), recalcTimestamp=False, lazy=True)
    features = ["kern", "liga", "mark", "mkmk", "ccmp", "locl", "calt", "smcp", "c2sc", "onum", "lnum", "frac"]
    subsetter = Subsetter(Options(layout_features=features, notdef_outline=True, hinting=False))
    subsetter.populate(unicodes={ord(it) for it in text} | set(range(0x20, 0x7F)))
    subsetter.subset(font)
    font.flavor, made = "woff", BytesIO()
    font.save(made)
    return made.getvalue()


def families(text: str, language: str) -> tuple[list[str], str]:
    """Which families of this computer set what our own font can't, and the characters that none of them has."""
    missing = {it for it in set(text) if _visible(it)} - _covered(f"{folder()}/EBGaramond[wght].ttf", 0)
    chosen: list[str] = []
    for family, path, number in _candidates(missing, language) if missing else ():
        found = missing & _covered(path, number)
        if found:
            chosen.append(family)
            missing -= found
        if not missing:
            break
    return chosen, "".join(sorted(missing))


def advice(missing: str) -> str:
    """One line about characters that no font here has."""
    packages = sorted({_DEBIAN.get(_script(it), "fonts-noto-core") for it in missing})
    shown = " ".join(missing[:8])
    return (
        f"no font on this computer has {len(missing)} of the book's characters ({shown}), which the PDF can't show; "
        f"install one, such as Debian's {', '.join(packages)}"
    )


def _candidates(missing: Iterable[str], language: str) -> Iterator[tuple[str, str, int]]:
    """Family, file and number in the file of every font here: first the fine ones of the scripts, then the others."""
    import typst

    upright = [it for it in typst.Fonts(include_embedded_fonts=False).fonts() if it.path and it.style == "normal"]
    installed = {it.family: (str(it.path), it.index) for it in sorted(upright, key=_plainest)}
    region = {"ja": "JP", "ko": "KR", "zh-tw": "TC", "zh-hk": "HK", "zh-hant": "TC"}
    east = region.get(language.lower()) or region.get(language.lower().split("-")[0], "SC")
    scripts = sorted({_script(it) for it in missing})
    fine = [name.format(east) for script in scripts for name in _FAMILIES.get(script, ())]
    others = sorted(installed, key=lambda it: (not it.startswith("Noto Serif"), not it.startswith("Noto"), it))
    for family in dict.fromkeys([*(it for it in fine if it in installed), *others]):
        path, number = installed[family]
        yield family, path, number


def _plainest(font: Any) -> tuple[Any, ...]:
    """Sorts the regular weight of a family last, so that it is the one kept."""
    return (font.family, -abs(font.weight - 400), font.path)


@lru_cache(maxsize=512)
def _covered(path: str, number: int) -> frozenset[str]:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, fontNumber=number, lazy=True) as font:
            return frozenset(map(chr, font.getBestCmap() or ()))
    except (OSError, TTLibError, AssertionError, KeyError, ValueError):  # a broken font of the system is no font
        return frozenset()


def _visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cn", "Co", "Mn", "Zs", "Zl", "Zp")


def _script(character: str) -> str:
    name = unicodedata.name(character, "")
    if name.startswith(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "IDEOGRAPHIC", "FULLWIDTH")):
        return "CJK"
    return name.split(" ")[0] if name.split(" ")[0] in _FAMILIES else "EMOJI" if character >= "\u2600" else "OTHER"
