"""Which files are near to which, by who imports whom."""

import random

import pytest

from l2mac.control.ledger import ledger
from l2mac.control.nearness import ImportGraph
from l2mac.control.opening import Opening
from l2mac.domains.domain import load
from l2mac.program.values import Instruction, Program

IMPORTS = {
    "python, a module": ("app/a.py", "import app.b\n", "app/b.py"),
    "python, a name": ("app/a.py", "from app import x, b as c\n", "app/b.py"),
    "python, in brackets": ("a.py", "from app.b import (\n    x,\n)\n", "app/b.py"),
    "python, relative": ("app/x/a.py", "from ..b import x\n", "app/b.py"),
    "python, a sibling": ("app/a.py", "from . import b\n", "app/b.py"),
    "python, a package": ("a.py", "import app\n", "app/__init__.py"),
    "python, under src": ("src/app/a.py", "import app.b\n", "src/app/b.py"),
    "javascript": ("web/a.js", "import x, { y } from './lib/b';\n", "web/lib/b.js"),
    "javascript, over lines": ("web/a.mjs", "import {\n  x,\n} from '../b.js'\n", "b.js"),
    "javascript, required": ("a.js", 'const b = require("./b")\n', "b/index.js"),
    "typescript, named as it will be built": ("a.ts", 'export * from "./b.js"\n', "b.ts"),
    "go": ("cmd/main.go", 'import (\n\t"fmt"\n\ts "github.com/u/m/internal/store"\n)\n', "internal/store/store.go"),
    "rust": ("src/main.rs", "use crate::store::{Store, Item};\n", "src/store.rs"),
    "rust, a module": ("src/main.rs", "mod store;\n", "src/store/mod.rs"),
    "java": ("src/main/java/x/A.java", "import x.y.B;\n", "src/main/java/x/y/B.java"),
    "c": ("src/a.c", '#include "../include/b.h"\n', "include/b.h"),
    "c, from an include folder": ("src/a.c", '#include "lib/b.h"\n', "include/lib/b.h"),
}


def graph(files):
    made = ImportGraph()
    made.update(files)
    return made


@pytest.mark.parametrize("case", IMPORTS.values(), ids=IMPORTS)
def test_a_file_is_beside_what_it_imports_and_nothing_else(case):
    path, text, used = case
    others = {"json.py": "", "fmt.md": "", "lonely/other.py": "x = 1\n", "lonely/other.ts": "let x = 'b'\n"}
    made = graph({path: text, used: ""} | others)
    assert made.beside([path]) == [used]
    assert made.near([used]) == [used, path], "what imports it is near to it as well"


def test_what_a_file_imports_is_nearer_than_what_imports_it_and_that_nearer_than_what_is_further():
    files = {"a.py": "import b\n", "b.py": "import c\n", "c.py": "", "user.py": "import a\n", "far.py": "import user\n"}
    assert graph(files).near(["a.py"]) == ["a.py", "b.py", "user.py", "c.py", "far.py"]
    assert graph(files | {"c.py": "import a\n"}).near(["missing.py"]) == []


def test_a_graph_kept_up_to_date_says_what_a_new_one_says():
    chance = random.Random(3)
    kept, files = ImportGraph(), {}
    for _ in range(60):
        for _ in range(3):
            path = f"m{chance.randrange(30)}.py"
            if chance.random() < 0.2:
                files.pop(path, None)
            else:
                files[path] = "".join(f"import m{chance.randrange(30)}\n" for _ in range(chance.randrange(4)))
        kept.update(files)
        new = graph(dict(sorted(files.items(), key=lambda it: chance.random())))
        assert all(kept.near([path]) == new.near([path]) for path in files)


@pytest.mark.parametrize("suffix", ["py", "js", "go", "rs", "java", "c"])
def test_hostile_text_is_read_in_time(suffix):
    pieces = [
        "import ",
        "from ",
        "(" * 9_000,
        '"' * 9_000,
        " " * 9_000,
        "import " * 3_000,
        "..\n" * 9_000,
        "use ::" * 900,
    ]
    made = graph({f"f{number}.{suffix}": piece * 20 for number, piece in enumerate(pieces)})
    assert made.near([f"f0.{suffix}"])


def opened(files, instruction, room):
    program = Program((Instruction("I1", "t", "t", files=tuple(sorted(files))), instruction))
    told = Opening(load("codebase"), "x", room, 50).instruction(instruction, program, files, {}, [])[2].content
    return told.partition("## Interfaces of files\n")[2].partition("\n\n## ")[0]


def test_where_not_all_interfaces_fit_the_nearest_stand_first_and_else_none_changes_its_place():
    # Too long to be shown whole: of the file to be changed, too, there is the interface alone.
    body = "".join(f"def f{number}(x: int) -> int: ...\n" for number in range(20))
    long = f"import m070\n{body}" + "# and so on\n" * 1_000
    files = {f"m{number:03}.py": body for number in range(100)}
    files |= {"target.py": long, "user.py": f"import target\n{body}"}
    instruction = Instruction("I2", "t", "t", needs=("I1",), files=("target.py",))
    shown = [line for line in opened(files, instruction, 32_000).split("\n") if line.endswith(".py")]
    assert shown[:4] == ["target.py", "m070.py", "user.py", "m000.py"] and len(shown) < 20
    few = {path: files[path] for path in ("m000.py", "m070.py", "target.py", "user.py")}
    assert opened(few, instruction, 80_000) == ledger(few, ["target.py", *few], 100_000)


def test_what_a_file_to_be_changed_imports_is_shown_though_the_program_names_it_nowhere():
    files = {
        "target.py": "import deep\n",
        "deep.py": "def f() -> int: ...\n",
        "test_deep.py": "",
        "other.py": "x = 1\n",
    }
    shown = opened(files, Instruction("I2", "t", "t", files=("target.py",)), 80_000)
    assert shown == "deep.py\n  f() -> int", "and the file itself is shown whole"
