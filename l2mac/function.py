"""One function with its tests, in one language: the machine with a program that is always the same."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from .checks.toolchains.others import others
from .checks.toolchains.recipe import recipes
from .checks.toolchains.tools import find
from .config import Settings
from .domains.function.languages import Language, languages
from .domains.length import ANY
from .errors import UsageError
from .machine import Codebase, generate
from .naming import slug
from .processor.protocol import Processor
from .program.values import Instruction, Program
from .watcher import Watcher

_TEXT = "Write it in {title}, in these files:\n{layout}"
_NAMED = "\nNAME stands for what the function is called."
_UNKNOWN = "- one file, NAME.{end}, with the function.\n- its tests, and a manifest, as is usual in {title}."


def generate_function(
    explanation: str,
    *,
    lang: str = "python",
    name: str | None = None,
    out: str | Path | None = None,
    settings: Settings | None = None,
    processor: Processor | None = None,
    watcher: Watcher | None = None,
) -> Codebase:
    """Write one function with its tests, build it and test it.

    Args:
        explanation: what the function should do.
        lang: the language, such as `rust`, `ts` or `c++`; docs/functions.md has all of them.
        name: of the run's folder; by default made from the explanation.
        out: the folder in which the run's folder is made.
        settings: by default those of `load_settings`. Tests are run whatever they say.
        processor: the model; by default the one that the settings name.
        watcher: whoever looks on.

    Returns:
        the files of a small project (manifest, source, tests, lock), and how the run ended. It is `complete` when the
        project builds and its tests pass; where the language's tools are missing it is partial, and `ended.reasons`
        names what installs them.

    Raises:
        UsageError: there is no such language, or as in `generate_codebase`.
        ProcessorError: the model cannot be reached, or refuses.
        Interrupted: Ctrl-C, or the order to stop. `resume` goes on.
    """
    if not explanation.strip():
        raise UsageError('the explanation is empty; say what the function should do: l2mac function "add two numbers"')
    language = language_of(lang)
    watcher = watcher or Watcher()
    if why := missing(language):
        watcher.notice(f"{why}; the function is written, not checked")
    return generate(
        f"A function in {language.title}: {explanation.strip()}",
        "function",
        ANY,
        run_tests=True,
        name=name or slug(explanation),
        out=out,
        program=program_of(language),
        settings=settings,
        processor=processor,
        watcher=watcher,
    )


def language_of(asked: str) -> Language:
    """The language that is meant by a name or an alias, in whatever case.

    One for which there is no toolchain, but which is a language, is one, too. What is the name of none is a mistake.

    Raises:
        UsageError: there is no language of this name.
    """
    wanted = asked.strip().lower()
    for it in languages():
        if wanted in (it.name, it.title.lower(), *it.aliases):
            return it
    for other in others():
        if wanted in (other.title.lower(), other.title.lower().replace(" ", "")):
            return Language(wanted, other.title, _UNKNOWN.format(end=other.sources[0], title=other.title))
    known = [name for it in languages() for name in (it.name, *it.aliases)]
    near = get_close_matches(wanted, [*known, *(it.title.lower() for it in others())], 1, cutoff=0.7)
    hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(it.name for it in languages())}"
    raise UsageError(f"there is no language {asked[:40]!r}; {hint}")


def missing(language: Language) -> str:
    """Why a function in this language can't be checked here, with what would mend that; empty where it can."""
    recipe = next((it for it in recipes() if it.name == language.toolchain), None)
    if recipe is None:
        return "" if language.name == "python" else f"there is no toolchain for {language.title}"
    found = find(recipe)
    return found if isinstance(found, str) else ""


def program_of(language: Language) -> Program:
    """The program: one instruction, which writes the function with its tests and the manifest."""
    text = _TEXT.format(title=language.title, layout=language.layout) + (_NAMED if "NAME" in language.layout else "")
    return Program((Instruction("I1", "Write the function, its tests and the manifest", text),))
