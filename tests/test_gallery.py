"""The gallery: recorded runs play through the whole machine, and what they leave is worth having."""

import json
import subprocess
from pathlib import Path

import pytest

from l2mac import gallery, generate_codebase
from l2mac.checks.environment import Environments
from l2mac.config import home
from l2mac.control.state import state
from l2mac.memory.journal import Journal
from l2mac.processor.manual_reply import read_json, read_text
from l2mac.processor.tape import TapeProcessor, read_tape

from .jobs import commits

SNAKE = Path(gallery.__file__).parent / "snake-game" / "snake-game.tape.jsonl"
PROMPT = (
    "Create a beautiful, playable and simple snake game with pygame. "
    "Make the snake and food be aligned to the same 10-pixel grid."
)
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
        assert handle_event(game, pygame.event.Event(pygame.KEYDOWN, key=key))
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
def told():
    return []


@pytest.fixture(scope="module")
def played(tmp_path_factory, told):
    """The recorded snake, played through the whole machine, in an environment with the real pygame."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2MAC_HOME", str(tmp_path_factory.mktemp("home")))
        processor = TapeProcessor(SNAKE, notify=told.append)
        codebase = generate_codebase(PROMPT, out=tmp_path_factory.mktemp("out"), processor=processor)
        environment = Environments(home()).environment(dict(codebase))
        yield codebase, environment.folder / "bin" / "python"


def test_the_gallery_holds_the_seed_prompt_word_for_word():
    assert gallery.find(PROMPT) == SNAKE and read_tape(SNAKE)[0].name == "snake-game"
    assert gallery.find(PROMPT, "book") is None


def test_the_recorded_run_is_complete_and_every_requirement_is_shown(played):
    codebase, _ = played
    assert codebase.complete, codebase.ended
    assert len(codebase.ended.shown) >= 5 and all(it.met for it in codebase.ended.shown)
    assert len(commits(codebase.path)) == len(codebase.program.instructions) >= 2
    assert "pygame" in codebase["requirements.txt"]


def test_the_machine_still_asks_what_it_asked_when_it_was_recorded(played, told):
    assert told == [], "the prompts have changed since: record again (l2mac/gallery/README.md)"


def test_a_failed_check_was_fed_back_and_a_later_reply_repaired_it(played):
    codebase, _ = played
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    gists = [(event.instruction, event.gist) for event in journal.events() if event.kind == "checks"]
    journal.close()
    failed = [at for at, (_, gist) in enumerate(gists) if "tests failed" in gist]
    assert failed
    repaired = [gist for instruction, gist in gists[failed[0] + 1 :] if instruction == gists[failed[0]][0]]
    assert repaired and "tests passed" in repaired[-1]


def test_every_surface_says_that_the_processor_was_a_tape(played):
    codebase, _ = played
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    assert state(journal).setting.processor == "tape snake-game"
    journal.close()


def test_the_tape_holds_the_replies_of_the_desk_and_nothing_else():
    """Each recorded reply is the one that lies in the folder, and answers the request that lies beside it."""
    desk = SNAKE.parent / "desk"
    _, entries = read_tape(SNAKE)
    pages = sorted(desk.glob("*.request.json"))
    assert len(pages) == len(entries) >= 5
    for page, entry in zip(pages, entries, strict=True):
        asked = json.loads(page.read_text(encoding="utf-8"))
        assert (asked["place"], asked["digest"]) == (entry.place, entry.digest)
        (given,) = desk.glob(page.name.replace("request.json", "reply.*"))
        read = read_json if given.suffix == ".json" else read_text
        said = read(given.read_text(encoding="utf-8"), entry.place).message
        assert [(it.name, json.loads(it.arguments)) for it in said.tool_calls] == [
            (it.name, json.loads(it.arguments)) for it in entry.reply.message.tool_calls
        ]


def test_the_game_is_played_headless_it_eats_dies_and_restarts(played):
    codebase, python = played
    ran = subprocess.run([python, "-c", PLAYER], cwd=codebase.path, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    assert seen["cell"] == 10 and seen["aligned"]
    assert seen["phases"] == ["ready", "playing", "paused", "playing", "over", "playing"]
    assert not seen["turned_back"] and not seen["moved_in_pause"]
    assert seen["eaten"] == 5 and seen["score"] > 0 and seen["length"] > 5
    assert seen["again"][:2] == ["playing", 0] and seen["again"][2] == seen["best"] >= seen["score"]
    assert seen["start"] > 20, "the start screen is more than a flat colour"


def test_its_own_tests_pass_by_hand(played):
    codebase, python = played
    ran = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"], cwd=codebase.path, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout
