"""A run as one page for a browser: static, without scripts, and without anything that would be loaded."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import Any

from ..checks.report import Report
from ..control.state import State, state
from ..domains.book.manuscript import lengths
from ..memory.journal import Event, Journal
from . import views
from .charts import Cell, cost_area, strip, usage_bars
from .delivery import delivered, target
from .markup import Html, escaped, joined, table, tag
from .plain import clipped
from .story import counted, measure, played, tell

_ROWS = 300  # of a table
_LINES = 60  # of the story of one instruction
_STORY = 350_000  # characters of the whole story
_PROMPT = 20_000  # characters of the prompt
_STATES = {"retired": "done", "begun": "begun", "blocked": "blocked", "waiting": "waiting"}
_WEIGHTS = {"passed": 0, "absent": 1, "unavailable": 2, "failed": 3, "timed_out": 4}
_HIGH = {"passed": 6, "absent": 2, "unavailable": 4}


def write_report(journal: Journal, to: str | None) -> Path:
    """Write the report of a run; return the file's path.

    Args:
        journal: the run's journal.
        to: the file to write, which is replaced if it is there; by default NAME.html or NAME-2.html in this folder.

    Raises:
        UsageError: the file can't be written.
    """
    now = state(journal)
    path = target(to, f"{now.birth.name if now.birth else 'run'}.html")
    with delivered(path) as handle:
        handle.write(page(journal, now).encode())
    return path


def page(journal: Journal, now: State) -> str:
    """The report as HTML; the same journal gives the same text."""
    template = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    style = template.split("<style>")[1].split("</style>")[0]
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    told = views.status(now)
    name = told["name"] or "run"
    sections = (
        _head(journal, now, told),
        _section("Prompt", _prompt(told["prompt"])),
        _section("Worth knowing", *_caveats(now)),
        _section("Program", _program(told)),
        _section("Requirements", _requirements(now)),
        _section("Checks over time", *_checks(journal)),
        _section("Tokens and cost", *_spent(journal, told)),
        _section("Story", *_story(journal, now, name)),
        _section("Files", _files(now, told)),
    )
    return Template(template).substitute(
        policy=escaped(f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"),
        title=escaped(f"{name}: {told['outcome']}"),
        body="\n".join(sections),
        version=escaped(now.birth.version if now.birth else ""),
        name=escaped(name),
    )


def _section(title: str, *parts: Html) -> Html:
    return tag("section", tag("h2", title), *parts) if any(parts) else Html("")


def _head(journal: Journal, now: State, told: dict[str, Any]) -> Html:
    """How the run ended, and under which conditions."""
    outcome = {"budget": "budget spent"}.get(told["outcome"], told["outcome"])
    code = "" if told["exit_code"] is None else f"exit code {told['exit_code']}"
    if now.ended is None:
        begun = any(it["state"] != "waiting" for it in told["instructions"])
        code = "no program yet" if now.program is None else "" if begun else "compiled, nothing executed yet"
    badge = tag("p", tag("strong", outcome, class_=f"badge {told['outcome']}"), " ", tag("span", code, class_="quiet"))
    reasons = tag("ul", *(tag("li", clipped(it, 400)) for it in told["reasons"]), class_="reasons")
    facts = (
        tag("div", tag("dt", name), tag("dd", it, dir="auto"), class_="wide" if len(it) > 36 else "")
        for name, it in _facts(journal, now, told)
    )
    return tag("header", tag("h1", told["name"]), badge, reasons if told["reasons"] else "", tag("dl", *facts))


def _facts(journal: Journal, now: State, told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    events = list(journal.events())
    done = sum(it["state"] == "retired" for it in told["instructions"])
    yield "Instructions", f"{done} of {len(told['instructions'])} done"
    asked = views.requirements(now)
    met = (
        f"{sum(it['met'] is True for it in asked)} of {len(asked)} shown"
        if now.ended
        else f"{len(asked)}, not judged yet"
    )
    yield "Requirements", met if asked else "none named"
    yield from _made(told)
    if told["mutation"]:
        yield "Mutation", told["mutation"]["told"]
    yield "Tokens", f"{told['usage']['prompt'] + told['usage']['completion']:,} in {counted(told['calls'], 'call')}"
    yield "Cost", _money(told["usage"]["cost"])
    yield "Time", _duration(told["seconds"])
    yield (
        "Processor",
        clipped(played(told["processor"]) or " ".join((told["processor"], told["model"])), 200) or "none yet",
    )
    yield "Sandbox", told["sandbox"] or "none yet"
    if events:
        yield "Begun", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(events[0].time))


def _made(told: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """How much there is of it: a text in words, code in lines and tests."""
    if told["words"] is not None:
        yield "Length", measure(told["words"], told["chapters"], told["words_asked"])
        return
    tests = told["tests"]
    failed = f", {tests['failed']} failed" if tests["failed"] else ""
    ran = f"{tests['passed']} passed{failed}" if tests["outcome"] != "not run" else "not run"
    yield "Tests", ran if told["tests_on"] else "off: only syntax and lint were checked"
    yield "Code", f"{told['loc']:,} lines in {counted(told['files'], 'file')}"


def _prompt(prompt: str) -> Html:
    text = prompt if len(prompt) <= _PROMPT else f"{prompt[:_PROMPT]}\n… (`l2mac show RUN prompt` shows all of it)"
    return tag("blockquote", text, dir="auto")


def _caveats(now: State) -> Iterator[Html]:
    titles = {
        "unverified": "Not verified here",
        "packages": "Packages to look at",
        "tolerated": "Failed before the run, and still fails",
        "unnoticed": "Broken for a check, and no test noticed",
        "waived": "Lint findings taken as advice",
        "test_changes": "Accepted changes of tests",
    }
    for kind, found in views.caveats(now).items():
        if found:
            rest = [f"and {len(found) - 50} more"] if len(found) > 50 else []
            yield joined(tag("h3", titles[kind]), tag("ul", *(tag("li", clipped(it, 400)) for it in found[:50] + rest)))


def _program(told: dict[str, Any]) -> Html:
    made = {"Tests": "n", "Lines": "n"} if told["words"] is None else {"Words": "n"}
    heads = {"Id": "id", "Instruction": "text", "State": "", "Turns": "n", **made}
    heads |= {"Tokens": "n", "Cost": "n", "Commit": "code"}
    rows = [
        [it["id"], tag("span", clipped(it["title"], 160), dir="auto"), _mark(it["state"]), str(it["turns"] or ""),
         *([_passed(it["tests"]), _number(it["loc"])] if it["words"] is None else [_number(it["words"])]),
         f"{it['usage']['prompt'] + it['usage']['completion']:,}" if it["turns"] else "",
         _money(it["usage"]["cost"]) if it["turns"] else "", it["commit"][:7]]
        for it in told["instructions"]
    ]  # fmt: skip
    return _bounded(heads, rows, "The instructions of the program")


def _requirements(now: State) -> Html:
    marks = {True: "met", False: "unmet", None: "open"}
    rows = [
        [it["id"], tag("span", clipped(it["text"], 400), dir="auto"), _mark(marks[it["met"]]),
         ", ".join(it["covered_by"]), clipped(it["by"] or "none yet", 400)]
        for it in views.requirements(now)
    ]  # fmt: skip
    heads = {"Id": "id", "Requirement": "text", "State": "", "Instructions": "", "Evidence": "code long"}
    return _bounded(heads, rows, "The requirements and their evidence")


def _checks(journal: Journal) -> Iterator[Html]:
    """A strip for each kind of check, its cells in the order of time."""
    judged = list(views.judgements(journal))
    ran = [(event, {it.check: it for it in reports}) for event, reports in judged]
    rows = []
    for check in dict.fromkeys(name for _, reports in ran for name in reports):
        cells = [_cell(event, reports.get(check)) for event, reports in ran]
        passed = sum(cell.kind == "passed" for cell in cells)
        total = sum(cell.kind != "none" for cell in cells)
        said = f"{passed} of {total} passed"
        rows.append(tag("div", tag("span", check), strip(cells, f"{check}: {said}", _HIGH), tag("span", said)))
    if rows:
        yield tag("div", *rows, class_="strips")
        keys = (("passed", "passed"), ("failed", "failed"), ("absent", "nothing to check"), ("unavailable", "not here"))
        yield _legend(f"{counted(len(judged), 'time')} that checks ran, from the first to the last.", *keys)


def _cell(event: Event, report: Report | None) -> Cell:
    _, id, attempt, turn, _ = event.key.split("/", 4)
    where = (
        event.kind if id == "-" else f"{id} turn {turn}" if attempt == "0" else f"{id} window {attempt}, turn {turn}"
    )
    if report is None:
        return Cell("none", f"{where}: did not run", -1)
    failed = sorted({it.code if report.check == "tests" else it.path for it in report.failures})
    told = f"{where}: {report.outcome.replace('_', ' ')} {clipped(', '.join(failed[:3]), 120)}"
    return Cell(report.outcome, told.strip(), _WEIGHTS[report.outcome])


def _spent(journal: Journal, told: dict[str, Any]) -> Iterator[Html]:
    calls = [("/".join(event.key.split("/")[1:4]), usage) for event, usage in views.calls(journal)]
    if not calls:
        return
    usage = told["usage"]
    share = f"{usage['cached'] / usage['prompt']:.0%}" if usage["prompt"] else "0 %"
    said = f"{counted(len(calls), 'call')}: {usage['prompt']:,} tokens read, {share} of them from the cache, "
    said += f"{usage['completion']:,} written. The highest bar is the largest call."
    if (prefix := told["prefix"])["counted"]:
        said += f" {prefix['before'] / prefix['counted']:.0%} of what was sent was the beginning of an earlier request"
        breaks = ", ".join(f"{why} ({number})" for why, number in prefix["breaks"].items())
        said += f"; begun anew: {breaks}." if breaks else "."
    yield usage_bars(calls)
    yield _legend(said, ("cached", "read from the cache"), ("read", "read anew"), ("written", "written"))
    costs = [it.cost for _, it in calls if it.cost is not None]
    if len(costs) == len(calls) and sum(costs) > 0:
        yield cost_area(costs)
    yield tag(
        "p",
        f"Cost added up, to {_money(usage['cost'])}." if len(costs) == len(calls) else "The cost is unknown.",
        class_="quiet",
    )


def _story(journal: Journal, now: State, name: str) -> Iterator[Html]:
    """The story as `log` tells it, by instruction; what is open or blocked is unfolded."""
    chapters: dict[str, list[Event]] = {}
    for event in journal.events():
        place = event.instruction
        if place == "-":
            place = "The end" if event.kind in ("audit", "ended") else "The beginning"
        chapters.setdefault(place, []).append(event)
    program = {it.id: it.title for it in now.program.instructions} if now.program else {}
    began, room = next((event.time for event in journal.events()), 0.0), _STORY
    for place, events in chapters.items():
        title = program.get(place) or next((it.gist for it in events if it.kind == "began"), "")
        lines = [_told(event, line, began) for event in events for line in tell(event, journal)]
        if len(lines) > _LINES or sum(map(len, lines)) > room:
            more = tag("li", f"… cut here; `l2mac log {name}` tells all of it", class_="cut")
            lines = [*_fitting(lines[: _LINES - 10], room), more, *_fitting(lines[-10:], room)] if room > 0 else [more]
        room -= sum(map(len, lines))
        progress = now.instructions.get(place)
        how = _mark(progress.state) if progress else ""
        summary = tag("summary", tag("b", place), " ", tag("span", clipped(title, 120), dir="auto"), " ", how)
        opened = {"open": ""} if progress and progress.state in ("blocked", "begun") else {}
        yield tag("details", summary, tag("ol", *lines), **opened)


def _fitting(lines: list[Html], room: int) -> list[Html]:
    """The first lines that fit."""
    kept = []
    for line in lines:
        room -= len(line)
        if room > 0:
            kept.append(line)
    return kept


def _told(event: Event, line: str, began: float) -> Html:
    depth = len(line) - len(line.lstrip())
    when = tag("time", _clock(event.time - began)) if depth <= 2 else Html("")
    return tag("li", when, clipped(line, 300), class_=f"{event.kind}{' deep' if depth > 2 else ''}")


def _files(now: State, told: dict[str, Any]) -> Html:
    unit, sizes = "Lines", {path: views.loc([text]) for path, text in now.trunk.items()}
    if told["words"] is not None:
        unit, sizes = "Words", lengths(now.trunk)
    rows = [[path, _number(sizes.get(path)), f"{len(text.encode()):,}"] for path, text in sorted(now.trunk.items())]
    rows += [[path, "not text", ""] for path in sorted(now.trunk.kept)]
    return _bounded({"File": "code", unit: "n", "Bytes": "n"}, rows, "The files that are retired")


def _bounded(heads: dict[str, str], rows: list[list[str]], caption: str) -> Html:
    if not rows:
        return Html("")
    cut = tag("p", f"The first {_ROWS} of {len(rows):,} are shown.", class_="quiet") if len(rows) > _ROWS else ""
    return joined(table(heads, rows[:_ROWS], caption), cut)


def _legend(text: str, *keys: tuple[str, str]) -> Html:
    return tag("p", text, *(tag("span", name, class_=f"key {kind}") for kind, name in keys), class_="legend quiet")


def _mark(state: str) -> Html:
    return tag("span", _STATES.get(state, state), class_=f"mark {state}")


def _number(count: int | None) -> str:
    return f"{count:,}" if count else ""


def _passed(tests: dict[str, Any]) -> str:
    return f"{tests['passed']} of {total}" if (total := tests["passed"] + tests["failed"]) else ""


def _money(cost: float | None) -> str:
    return "unknown" if cost is None else f"${cost:.2f}"


def _clock(seconds: float) -> str:
    hours, rest = divmod(max(int(seconds), 0), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
