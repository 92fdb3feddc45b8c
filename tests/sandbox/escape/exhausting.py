"""Using up the computer. Where there is no sandbox each takes a dose that does no harm, and gives it back."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from .attack import Attack, Scene
from .table import on_disk, shared_memory

TITLE = "Limits"
MEGA = 1 << 20
PROCESSES = 64
DOSE = 200
MEMORY = 64 * MEGA
DISK = 16 * MEGA
PIECES = 16
FILES_DOSE = 1_000
LASTS = 1.0
"""Seconds for which an attack must keep what it has taken. A watchdog that takes longer does not hold it."""


def _taken(many: Callable[[Scene], bool]) -> Callable[[Scene], bool]:
    """Has it taken a whole dose and kept it, as its file `kept` tells us to look?"""

    def through(scene: Scene) -> bool:
        return (scene.yard.lane / "kept").exists() and many(scene)

    return through


def _crowd(scene: Scene) -> bool:
    return sum(process.threads for process in scene.processes.values()) >= DOSE


def _memory(scene: Scene) -> bool:
    return sum(process.resident() for process in scene.processes.values()) >= 3 * MEMORY


def _disk(scene: Scene) -> bool:
    return on_disk(scene.processes) >= 4 * DISK


def _files(scene: Scene) -> bool:
    return sum(1 for _ in scene.yard.lane.iterdir()) >= FILES_DOSE


def _shared(scene: Scene) -> bool:
    return shared_memory() - scene.yard.shared_before >= 3 * MEMORY


def _memory_files(scene: Scene) -> bool:
    return on_disk(scene.processes) >= 4 * MEMORY


def _take(
    id: str, does: str, script: str, many: Callable[[Scene], bool], limits: Mapping[str, Any], **more: Any
) -> Attack:
    kept = f"\ntime.sleep({LASTS})\nos.chdir(place['lane'])\nopen('kept', 'w').close()\nhold(5)\n"
    return Attack(
        id=id,
        does=does,
        effect="it has it all, and keeps it",
        script=textwrap.dedent(script) + kept,
        through=_taken(many),
        live=True,
        limits=limits,
        **more,
    )


FILES = """
    block = b"x" * {block}
    files = []
    for number in range({count}):
        files.append(open({where}, "wb", 0))
        {then}
        for _ in range({size} // len(block)):
            files[-1].write(block)
"""


def _fill(id: str, does: str, where: str, *, count: int = PIECES, then: str = "pass", **more: Any) -> Attack:
    dose, many = more.pop("dose", 4 * DISK), more.pop("many", _disk)
    first = textwrap.dedent(more.pop("first", ""))
    script = first + textwrap.dedent(FILES).format(block=MEGA, count=count, where=where, size=dose // count, then=then)
    limits = {"disk": DISK, "memory": MEMORY}
    return _take(id, does, script, many, limits, **{"none_holds": True, **more})


DARK = "os.mkdir('dark', 0o300)\n"
DEEP = """
    os.mkdir("deep")
    os.chdir("deep")
    for level in range(30):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
"""
UNSEEN = f"""
    import mmap

    maps = []
    for number in range({PIECES}):
        file = os.memfd_create(str(number))
        for _ in range({4 * MEMORY // PIECES // MEGA}):
            os.write(file, b"x" * {MEGA})
        maps.append(mmap.mmap(file, 0))
        os.closerange(file, file + 9)  # and the copy that mmap keeps
"""
EMPTY = f"for number in range({FILES_DOSE}): open('empty-%d' % number, 'w').close()"
SHARED = "(place['shared'] if os.path.isdir(place['shared']) else '/dev/shm') + f'/{number}'"

ATTACKS = (
    _take(
        "fork-bomb",
        "start far more processes than it may",
        f"""
        import signal

        for _ in range({DOSE}):
            if os.fork() == 0:
                hold()
                os._exit(0)
        """,
        _crowd,
        {"processes": PROCESSES},
        none_holds=True,
    ),
    _take(
        "thread-bomb",
        "start far more threads than it may",
        f"""
        import threading

        for _ in range({DOSE}):
            threading.Thread(target=hold, daemon=True).start()
        """,
        _crowd,
        {"processes": PROCESSES},
        none_holds=True,
    ),
    _take("memory", "use three times the memory it may, in one process", f"hog = b'x' * {3 * MEMORY}", _memory,
          {"memory": MEMORY}, none_holds=True),
    _take(
        "memory-many",
        "the same in sixteen processes",
        f"""
        for _ in range({PIECES}):
            if os.fork() == 0:
                hog = b"x" * {3 * MEMORY // PIECES + MEGA}
                hold()
                os._exit(0)
        """,
        _memory,
        {"memory": MEMORY},
        none_holds=True,
    ),
    _fill("disk", "write four times what it may, to one file of the lane", "'big'", count=1),
    _fill("disk-many", "the same in sixteen files", "f'big-{number}'"),
    _fill("disk-deleted", "the same in deleted files", "'big'", then="os.unlink('big')"),
    _fill("disk-unlisted", "the same in a folder that can't be listed", "f'dark/{number}'", first=DARK),
    _fill("disk-deep", "the same, so deep that its path can't be named", "str(number)", first=DEEP),
    _fill("disk-temporary", "the same in its temporary folder", "os.environ.get('TMPDIR', '.') + f'/{number}'"),
    _fill("memory-files", "use that much memory as files (`memfd_create`)", "os.memfd_create(str(number))",
          dose=4 * MEMORY, many=_memory_files),
    _take("memory-unseen", "use that much memory as files that are mapped, but neither open nor looked at", UNSEEN,
          _shared, {"memory": MEMORY, "disk": DISK}, none_holds=True),
    _fill("memory-dev-shm", "use that much memory as files in `/dev/shm`", SHARED,
          dose=4 * MEMORY, many=_memory_files),
    _take("files", "make a great many empty files", EMPTY,
          _files, {"files": FILES_DOSE // 4}, none_holds=True),
    Attack(
        id="output",
        does="print without end",
        effect="all of it is held in memory",
        script="""
            for _ in range(64):
                os.write(1, b"y" * (1 << 20))
        """,
        through=lambda scene: len(scene.outcome.output) > 4 * MEGA,
        none_holds=True,
    ),
    Attack(
        id="loop",
        does="run without end, deaf to every signal",
        effect="it runs after its time",
        script="""
            import signal

            for number in range(1, 32):
                if number not in (9, 19):
                    signal.signal(number, signal.SIG_IGN)
            while not os.path.exists("seen"):
                pass
        """,
        through=lambda scene: scene.seconds > 2.5 and bool(scene.processes),
        live=True,
        limits={"seconds": 1.0},
        none_holds=True,
    ),
    Attack(
        id="processor",
        does="use up the processor, deaf to its signals",
        effect="it goes on",
        script="""
            import signal

            signal.signal(signal.SIGXCPU, signal.SIG_IGN)
            while not os.path.exists("seen"):
                pass
        """,
        through=lambda scene: sum(it.processor() for it in scene.processes.values()) > 1.0,
        live=True,
        limits={"cpu": 0.2},
        none_holds=True,
    ),
)  # fmt: skip
