"""The gallery: recorded runs play through the whole machine, and what they leave is worth having."""

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from l2mac import gallery, generate_book, generate_codebase, generate_function, past, resume
from l2mac.checks.python.environment import Environments
from l2mac.config import home
from l2mac.control.state import state
from l2mac.domains.book.checks.words import count_words
from l2mac.memory.journal import Journal
from l2mac.processor.manual_reply import read_json, read_text
from l2mac.processor.tape import TapeProcessor, read_tape

from .jobs import commits, files

pytestmark = pytest.mark.slow
PROMPT = (
    "Create a beautiful, playable and simple snake game with pygame. "
    "Make the snake and food be aligned to the same 10-pixel grid."
)
EXPLANATION = "parse json string and return struct User (age, name)"
HOW = {
    "pasta": lambda prompt, **options: generate_book(prompt, words=9_000, **options),
    "shopping": generate_codebase,
    "snake-game": generate_codebase,
    "url-shortener": generate_codebase,
    "user": lambda prompt, **options: generate_function(EXPLANATION, lang="rust", **options),
}
"""How each run was asked for."""
NEEDS = {"shopping": ("node", "npm"), "user": ("cargo",)}
TAPES = {path.parent.name: path for path in gallery.tapes()}
PLAYER = '''
"""Plays the game without a display: eats, turns, pauses, dies, starts again. Says what it saw."""
import json, os
os.environ.update(SDL_VIDEODRIVER="dummy", SDL_AUDIODRIVER="dummy", PYGAME_HIDE_SUPPORT_PROMPT="1")
import pygame
from snake.app import handle_event
from snake.rules import CELL, DOWN, LEFT, PLAYING, RIGHT, UP, Game
from snake.view import HEIGHT, WIDTH, View

KEYS = {UP: pygame.K_UP, DOWN: pygame.K_DOWN, LEFT: pygame.K_LEFT, RIGHT: pygame.K_RIGHT}
pygame.init()
screen, game = pygame.display.set_mode((WIDTH, HEIGHT)), Game(seed=3)
view = View()
seen = {"cell": CELL, "phases": [game.state], "aligned": True}


def press(*keys):
    for key in keys:
        used = handle_event(game, pygame.event.Event(pygame.KEYDOWN, key=key))
        assert used or key in KEYS.values()  # a turn may be refused
        look()


def look():
    if game.state != seen["phases"][-1]:
        seen["phases"].append(game.state)
    cells = [*game.snake, *([game.food] if game.food else [])]
    seen["aligned"] &= all(isinstance(it, int) for cell in cells for it in cell)
    seen["aligned"] &= len(set(map(tuple, game.snake))) == len(game.snake)


def frame(milliseconds):
    game.update(milliseconds / 1000)
    view.draw(screen, game, 0.0)
    look()


frame(16)
seen["start"] = len({tuple(screen.get_at((x, y))) for x in range(0, WIDTH, 5) for y in range(0, HEIGHT, 5)})
press(pygame.K_SPACE)
frame(16)
press(KEYS[LEFT])          # straight back: must change nothing
frame(240)
seen["turned_back"] = game.direction is LEFT or game.state != PLAYING
for _ in range(4_000):
    if game.eaten >= 5 or game.state != PLAYING:
        break
    (x, y), (to_x, to_y) = game.snake[0], game.food
    want = RIGHT if to_x > x else LEFT if to_x < x else DOWN if to_y > y else UP
    if want == (-game.direction[0], -game.direction[1]):
        want = UP if want in (LEFT, RIGHT) else LEFT
    if want != game.direction:
        press(KEYS[want])
    frame(30)
seen["eaten"], seen["score"], seen["length"] = game.eaten, game.score, len(game.snake)
press(pygame.K_p)
frame(16)
head = game.snake[0]
frame(1_000)
seen["moved_in_pause"] = game.snake[0] != head
press(pygame.K_p)
frame(16)
while game.state == PLAYING:
    frame(100)
seen["best"] = game.best
press(pygame.K_RETURN)
frame(16)
seen["again"] = [game.state, game.score, game.best]
print(json.dumps(seen))
'''


@pytest.fixture(scope="module")
def plays(tmp_path_factory):
    """Plays a recording through the whole machine, once; gives what it made, and what the machine said meanwhile."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(tmp_path_factory.mktemp("home")))
        # The guard rails move HOME, by which rustup finds what it has installed.
        patch.setenv("RUSTUP_HOME", os.environ.get("RUSTUP_HOME", f"{pwd.getpwuid(os.getuid()).pw_dir}/.rustup"))

        def play(name):
            if lacking := [it for it in NEEDS.get(name, ()) if not shutil.which(it)]:
                pytest.skip(f"{', '.join(lacking)} is not installed here")
            if name not in made:
                told = []
                processor = TapeProcessor(TAPES[name], notify=told.append)
                prompt = processor.header.prompt
                made[name] = HOW[name](prompt, out=tmp_path_factory.mktemp("out"), processor=processor), told
            return made[name]

        yield play


@pytest.fixture
def snake(plays):
    """The recorded snake, and an interpreter in an environment with the real pygame."""
    codebase, _ = plays("snake-game")
    environment = Environments(home()).environment(dict(codebase))
    return codebase, environment.folder / "bin" / "python"


def events(codebase, kind):
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    found = [(event.instruction, event.gist) for event in journal.events() if event.kind == kind]
    journal.close()
    return found


def test_the_gallery_is_known_and_holds_the_seed_prompts_word_for_word():
    assert set(TAPES) == set(HOW)
    assert gallery.find(PROMPT) == TAPES["snake-game"] and read_tape(TAPES["snake-game"])[0].name == "snake-game"
    assert gallery.find(PROMPT, "book") is None
    assert gallery.find(f"A function in Rust: {EXPLANATION}", "function") == TAPES["user"]
    pasta = read_tape(TAPES["pasta"])[0].prompt
    assert "Twirls & Tastes: A Journey Through Italian Pasta" in pasta
    assert (gallery.find(pasta), gallery.find(pasta, "book")) == (None, TAPES["pasta"])


@pytest.mark.parametrize("name", TAPES)
def test_a_recorded_run_is_complete_and_every_requirement_is_shown(plays, name):
    codebase, _ = plays(name)
    assert codebase.complete, codebase.ended
    assert all(it.met for it in codebase.ended.shown)
    assert len(codebase.ended.shown) >= 5 or name == "user", "a function has no requirements but its explanation"
    assert len(commits(codebase.path)) == len(codebase.program.instructions)


VARIES = {"url-shortener": "I5/0/2"}
"""The request that tells of a failed test which printed how many milliseconds something took."""


@pytest.mark.parametrize("name", TAPES)
def test_the_machine_still_asks_what_it_asked_when_it_was_recorded(plays, name):
    _, told = plays(name)
    told = [it for it in told if f" {VARIES.get(name)} " not in it]
    assert told == [], "the prompts have changed since: record again (l2mac/gallery/README.md)"


@pytest.mark.parametrize("name", TAPES)
def test_the_tape_holds_the_replies_of_the_desk_and_nothing_else(name):
    """Each recorded reply is the one that lies in the folder, and answers the request that lies beside it."""
    desk = TAPES[name].parent / "desk"
    _, entries = read_tape(TAPES[name])
    pages = sorted(desk.glob("*.request.json"))
    assert len(pages) == len(entries) >= 1
    for page, entry in zip(pages, entries, strict=True):
        asked = json.loads(page.read_text(encoding="utf-8"))
        assert (asked["place"], asked["digest"]) == (entry.place, entry.digest)
        (given,) = desk.glob(page.name.replace("request.json", "reply.*"))
        read = read_json if given.suffix == ".json" else read_text
        said = read(given.read_text(encoding="utf-8"), entry.place).message
        assert [(it.name, json.loads(it.arguments)) for it in said.tool_calls] == [
            (it.name, json.loads(it.arguments)) for it in entry.reply.message.tool_calls
        ]


def test_every_surface_says_that_the_processor_was_a_tape(plays):
    journal = Journal(plays("snake-game")[0].path / ".l2mac" / "run.db", writable=False)
    assert state(journal).setting.processor == "tape snake-game"
    journal.close()


def test_a_failed_check_of_the_snake_was_fed_back_and_a_later_reply_repaired_it(snake):
    gists = events(snake[0], "checks")
    failed = [at for at, (_, gist) in enumerate(gists) if "tests failed" in gist]
    assert failed
    repaired = [gist for instruction, gist in gists[failed[0] + 1 :] if instruction == gists[failed[0]][0]]
    assert repaired and "tests passed" in repaired[-1]


def test_the_game_is_played_headless_it_eats_dies_and_restarts(snake):
    codebase, python = snake
    assert "pygame" in codebase["requirements.txt"]
    ran = subprocess.run([python, "-c", PLAYER], cwd=codebase.path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen["cell"] == 10 and seen["aligned"]
    assert seen["phases"] == ["ready", "playing", "paused", "playing", "over", "playing"]
    assert not seen["turned_back"] and not seen["moved_in_pause"]
    assert seen["eaten"] == 5 and seen["score"] > 0 and seen["length"] > 5
    assert seen["again"][:2] == ["playing", 0] and seen["again"][2] == seen["best"] >= seen["score"]
    assert seen["start"] > 20, "the start screen is more than a flat colour"


def test_the_tests_of_the_snake_pass_by_hand(snake):
    codebase, python = snake
    ran = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=codebase.path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout


FEATURES = [
    f"{chapter}.{number}" for chapter, count in enumerate((4, 1, 4, 4, 3, 1), 1) for number in range(1, count + 1)
]


@pytest.mark.parametrize("feature", FEATURES)
def test_the_audit_shows_each_numbered_feature_of_the_url_shortener_with_its_test(plays, feature):
    codebase, _ = plays("url-shortener")
    ids = [
        it.id for it in codebase.program.requirements if re.search(rf"(?<![\d.]){re.escape(feature)}(?!\d)", it.text)
    ]
    shown = [it for it in codebase.ended.shown if it.requirement in ids]
    assert ids and {it.requirement for it in shown} == set(ids)
    (tests,) = (it for it in codebase.reports if it.check == "tests")
    for requirement in shown:
        pieces = [it for it in requirement.pieces if it.holds]
        assert requirement.met and pieces
        assert all(it.place.partition(":")[0] in codebase for it in pieces)
        assert any(test.partition("[")[0] == it.test.partition("[")[0] for it in pieces for test in tests.passed)


def test_the_url_shortener_can_be_replayed_undone_and_forked(plays, tmp_path):
    codebase, _ = plays("url-shortener")
    assert past.replay(codebase.path).instructions == len(codebase.program.instructions)
    whole, stages = files(codebase.path), len(codebase.program.instructions)
    run = shutil.copytree(codebase.path, tmp_path / "run")
    _, undone = past.undo(run, stages - 1)
    assert len(undone.dropped) == 1 and files(run) != whole
    assert resume(run, processor=TapeProcessor(TAPES["url-shortener"])).complete
    assert files(run) == whole
    other = past.fork(run, stages - 2, name="other", out=tmp_path)
    assert resume(other, processor=TapeProcessor(TAPES["url-shortener"])).complete
    assert files(other) == whole and files(run) == whole


def test_the_function_in_rust_was_built_with_serde_and_tested_by_cargo(plays):
    codebase, _ = plays("user")
    assert "serde" in codebase["Cargo.toml"] and 'name = "serde_json"' in codebase["Cargo.lock"]
    assert "struct User" in codebase["src/lib.rs"]
    reports = {it.check: it for it in codebase.reports}
    assert reports["build"].outcome == "passed"
    assert len(reports["tests"].passed) >= 3 and all(it.startswith("src/lib.rs::") for it in reports["tests"].passed)


def test_both_sides_of_the_shopping_list_were_checked(plays):
    codebase, _ = plays("shopping")
    reports = {it.check: it for it in codebase.reports}
    assert {it.outcome for it in reports.values()} == {"passed"} and "build" in reports, "tsc is the build"
    sides = {it.partition("::")[0].rpartition(".")[2] for it in reports["tests"].passed}
    assert sides == {"py", "ts"} and len(reports["tests"].passed) >= 20
    assert any('"strict": true' in text for path, text in codebase.items() if path.endswith("tsconfig.json"))


def test_the_book_has_its_length_and_becomes_an_epub_and_a_pdf(plays, tmp_path):
    codebase, _ = plays("pasta")
    chapters = [text for path, text in codebase.items() if path.startswith("chapters/")]
    assert len(chapters) >= 8 and sum(map(count_words, chapters)) >= 8_000
    assert {it.outcome for it in codebase.reports} == {"passed"}
    for form in ("epub", "pdf"):
        command = [sys.executable, "-m", "l2mac", "export", str(codebase.path), "--format", form]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", f"{codebase.path.name}.{form}\n")
    name = tmp_path / codebase.path.name
    with zipfile.ZipFile(f"{name}.epub") as archive:
        assert archive.namelist()[0] == "mimetype"
    assert Path(f"{name}.pdf").read_bytes().startswith(b"%PDF-")
