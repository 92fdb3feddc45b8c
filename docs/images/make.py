"""Makes the picture in the README from a real run: what a terminal shows, as SVG.

    python docs/images/make.py

The gallery's snake is played in a terminal of 92 columns, in a folder that is thrown away. Its screen is kept at the
moment in which a check has failed and what the next reply made of it is being checked. Needs the test extra (`pyte`).
"""

import fcntl
import io
import os
import pty
import select
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from l2mac import gallery
from l2mac.processor.tape import read_tape

HERE = Path(__file__).parent
COLUMNS, ROWS = 92, 34
COLOURS = {"brown": "yellow", "brightblack": "bright_black", "brightgreen": "bright_green", "default": None}


def screens(command, folder):
    """Run a command in a terminal; yield its screen whenever it has changed."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.ByteStream(screen)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        home = {"HOME": str(folder), "L2MAC_HOME": str(folder / "home"), "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        os.execve(command[0], command, {"PATH": os.environ["PATH"], **home})
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    while True:
        try:
            if select.select([terminal], [], [], 60)[0]:
                stream.feed(os.read(terminal, 65536))
                yield screen
        except OSError:
            break
    os.waitpid(child, 0)


def picture(screen, title, path, home):
    """Write a screen as SVG; `home` is the user's folder."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    rows = [row for row in range(ROWS) if screen.display[row].strip()]
    for row in range(rows[-1] + 1):
        line = Text()
        for column in range(COLUMNS):
            it = screen.buffer[row][column]
            colour = COLOURS.get(it.fg, it.fg if it.fg.isalpha() else f"#{it.fg}")
            line.append(it.data, Style(color=colour, bold=it.bold))
        line.rstrip()
        if (at := line.plain.find(home)) >= 0:
            line = line[:at] + Text("~") + line[at + len(home) :]
        console.print(line, no_wrap=True, crop=True)
    path.write_text(console.export_svg(title=title), encoding="utf-8")


def main():
    """Play the snake and keep a screen."""
    snake = next(it for it in gallery.tapes() if it.parent.name == "snake-game")
    prompt = read_tape(snake)[0].prompt
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for screen in screens([sys.executable, "-m", "l2mac", prompt], Path(folder).resolve()):
            text = "\n".join(screen.display)
            if not failed and "tests failed" in text and "now" in text and "turn 2" in text:
                failed = True
                time.sleep(0.2)
                title = 'l2mac "Create a beautiful, playable and simple snake game …"'
                picture(screen, title, HERE / "console.svg", str(Path(folder).resolve()))


if __name__ == "__main__":
    main()
