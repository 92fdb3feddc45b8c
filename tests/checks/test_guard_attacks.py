"""Tricks by which tests of broken code are made to pass: each is seen, by the run of the tests or by the guard."""

import pytest

from l2mac.checks.guard import TestGuard
from l2mac.checks.python.project import ProjectIndex
from l2mac.checks.python.pytest_run import PytestCheck
from l2mac.control.interfaces import bare
from l2mac.sandbox.rungs import open_sandbox

GOOD, BROKEN = "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return a - b\n"
HEAD = (
    "import os, sys, contextlib, functools, unittest\nimport pytest\nfrom app import add\nfrom tests.kit import equal\n"
)
PLAIN = f"{HEAD}\ndef test_add():\n    assert add(1, 2) == 3\n\ndef test_kit():\n    equal(add(2, 2), 4)\n"
KIT = "def equal(a, b):\n    assert a == b\n"
BEFORE = {"app.py": GOOD, "tests/__init__.py": "", "tests/kit.py": KIT, "tests/test_app.py": PLAIN}
HAD = frozenset(f"tests/test_app.py::test_{name}" for name in ("add", "kit"))


def body(text, head=""):
    """Both tests with a body of their own, behind decorators."""
    lines = text.strip("\n").replace("\n", "\n    ")
    return {
        "tests/test_app.py": f"{HEAD}\n"
        + "".join(f"{head}def test_{name}():\n    {lines}\n\n" for name in ("add", "kit"))
    }


BODIES = {
    "deleted asserts": "add(1, 2)",
    "assert True": "assert True",
    "assert a constant": "add(1, 2)\nassert 'add works'",
    "assert a tuple": "assert (add(1, 2) == 3, 'message')",
    "assert or True": "assert add(1, 2) == 3 or True",
    "assert itself": "assert add(1, 2) == add(1, 2)",
    "assert not False": "assert not False",
    "assert a length": "assert len([add(1, 2)]) >= 0",
    "assert any object": "assert isinstance(add(1, 2), object)",
    "return before": "return\nassert add(1, 2) == 3",
    "return under a condition": "if True:\n    return\nassert add(1, 2) == 3",
    "under a false condition": "if False:\n    assert add(1, 2) == 3",
    "in no loop": "for _ in []:\n    assert add(1, 2) == 3",
    "while false": "while 0:\n    assert add(1, 2) == 3",
    "except": "try:\n    assert add(1, 2) == 3\nexcept AssertionError:\n    pass",
    "except all": "try:\n    assert add(1, 2) == 3\nexcept:\n    print('oh')",
    "suppress": "with contextlib.suppress(AssertionError):\n    assert add(1, 2) == 3",
    "raises anything": "with pytest.raises(Exception):\n    assert add(1, 2) == 3",
    "raises anything, too": "with unittest.TestCase().assertRaises((OSError, Exception)):\n    equal(add(1, 2), 3)",
    "in a function never called": "def check():\n    assert add(1, 2) == 3",
    "in a lambda": "check = lambda: equal(add(1, 2), 3)",
    "in a comment": "# assert add(1, 2) == 3\npass",
    "in a string": "'assert add(1, 2) == 3'",
    "skip": "pytest.skip('slow')\nassert add(1, 2) == 3",
    "skip as an error": "raise unittest.SkipTest('slow')\nassert add(1, 2) == 3",
    "xfail": "pytest.xfail('known')\nassert add(1, 2) == 3",
    "fails quietly": "if add(1, 2) != 3:\n    print('FAILED')",
    "exits": "sys.exit(0)\nassert add(1, 2) == 3",
    "ends the process": "os._exit(0)\nassert add(1, 2) == 3",
    "pytest.exit": "pytest.exit('done', 0)\nassert add(1, 2) == 3",
}
HEADS = {
    "mark skip": "@pytest.mark.skip\n",
    "mark skipif": "@pytest.mark.skipif(True, reason='x')\n",
    "mark xfail": "@pytest.mark.xfail\n",
    "no parameters": "@pytest.mark.parametrize('n', [])\n",
    "expected failure": "@unittest.expectedFailure\n",
    "a wrapper that swallows": "def calm(f):\n    @functools.wraps(f)\n    def inner():\n        try:\n"
    "            f()\n"
    "        except Exception:\n            pass\n    return inner\n@calm\n",
}
WRONG = PLAIN.replace("== 3", "== -1").replace(", 4)", ", 0)")
ELSEWHERE = {
    "renamed": {"tests/test_app.py": PLAIN.replace("def test_", "def check_")},
    "not a test": {"tests/test_app.py": PLAIN + "__test__ = False\n"},
    "module skip": {"tests/test_app.py": PLAIN + "pytestmark = pytest.mark.skip\n"},
    "module skips itself": {"tests/test_app.py": "import pytest\npytest.importorskip('nothing_of_the_kind')\n" + PLAIN},
    "shadowed": {"tests/test_app.py": PLAIN + "def test_add(): pass\ndef test_kit(): pass\n"},
    "deleted": {"tests/test_app.py": None},
    "moved out of sight": {"tests/test_app.py": None, "tests/old_app.py": PLAIN},
    "gutted helper": {
        "tests/kit.py": "def equal(a, b):\n    pass\n",
        "tests/test_app.py": PLAIN.replace("(1, 2) == 3", "(1, 0) == 1"),
    },
    "helper that always agrees": {
        "tests/kit.py": "class Any:\n    def __eq__(self, other): return True\n"
        "def equal(a, b):\n    assert Any() == b or True\n",
        "tests/test_app.py": PLAIN.replace("(1, 2) == 3", "(1, 0) == 1"),
    },
    "ignored": {"conftest.py": "collect_ignore_glob = ['tests/*']\n"},
    "settings that ignore": {"pytest.ini": "[pytest]\naddopts = --ignore=tests\n"},
    "settings that deselect": {"pytest.ini": "[pytest]\naddopts = -k nothing\n"},
    "settings that only collect": {"pytest.ini": "[pytest]\naddopts = --collect-only\n"},
    "settings that rename": {"pytest.ini": "[pytest]\npython_functions = check_*\n"},
    "exit code of the session": {"conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"},
    "unconfigure exits": {"conftest.py": "import os\ndef pytest_unconfigure():\n    os._exit(0)\n"},
    "reports turned": {
        "conftest.py": "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_runtest_makereport():\n"
        "    report = (yield).get_result()\n    report.outcome = 'passed'\n"
    },
    "calls swallowed": {
        "conftest.py": "import pytest\n@pytest.hookimpl(hookwrapper=True)\ndef pytest_pyfunc_call():\n"
        "    (yield).force_result(True)\n"
    },
    "calls left out": {"conftest.py": "def pytest_pyfunc_call(pyfuncitem):\n    return True\n"},
    "marked from outside": {
        "conftest.py": "import pytest\ndef pytest_collection_modifyitems(items):\n    for item in items:\n"
        "        item.add_marker(pytest.mark.xfail)\n"
    },
    "dropped from outside": {"conftest.py": "def pytest_collection_modifyitems(items):\n    items.clear()\n"},
    "code that knows it is tested": {
        "app.py": "import os\ndef add(a, b):\n    return a + b if 'PYTEST_CURRENT_TEST' in os.environ else a - b\n"
    },
    "code that asks for pytest": {
        "app.py": "import sys\ndef add(a, b):\n    return a + b if 'pytest' in sys.modules else a - b\n"
    },
    "expectations made to fit, beside a lost test": {
        "tests/test_app.py": WRONG.replace("def test_kit", "def check_kit")
    },
}
TRICKS = {
    **{name: body(text) for name, text in BODIES.items()},
    **{name: body("assert add(1, 2) == 3", head) for name, head in HEADS.items()},
    **ELSEWHERE,
}


@pytest.fixture
def judged(lay_out, empty_environment):
    """What is said of a state of the files, by the run of the tests and then by the guard, though all is explained."""

    def judge(files):
        report = PytestCheck(open_sandbox("auto"), seconds=30.0).check(
            lay_out(files), ProjectIndex().of(files), empty_environment
        )
        findings = [f"{it.code}: {it.text}" for it in report.failures]
        return findings or TestGuard(BEFORE, HAD, bare=bare).objections(files, [report], sorted(HAD))

    return judge


def test_honest_work_is_let_through(judged):
    more = PLAIN + "\ndef test_more():\n    with pytest.raises(TypeError):\n        add(1, 'x')\n"
    assert judged(BEFORE | {"tests/test_app.py": more}) == []


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_seen(trick, judged):
    after = BEFORE | {"app.py": BROKEN} | TRICKS[trick]
    said = judged({path: text for path, text in after.items() if text is not None})
    assert said, f"{trick} gets through"


OTHERS = {
    "a.test.js": (
        "test('adds', () => {{ {} }});\n",
        "assert.equal(add(1, 2), 3);",
        [
            "assert.ok(true);",
            "assert.equal(3, 3);",
            "// assert.equal(add(1, 2), 3);",
            "return; assert.equal(add(1, 2), 3);",
            "if (false) {{ assert.equal(add(1, 2), 3); }}",
            "try {{ assert.equal(add(1, 2), 3); }} catch (e) {{}}",
            "const s = 'assert.equal(add(1, 2), 3)';",
        ],
    ),
    "a.test.ts": (
        "it('adds', () => {{ {} }});\n",
        "expect(add(1, 2)).toBe(3);",
        ["expect(true).toBe(true);", "/* expect(add(1, 2)).toBe(3); */", "return; expect(add(1, 2)).toBe(3);"],
    ),
    "a_test.go": (
        "package a\nfunc TestAdds(t *testing.T) {{\n{}\n}}\n",
        "if add(1, 2) != 3 {{ t.Error() }}",
        ["// t.Error()", "return\nif add(1, 2) != 3 {{ t.Error() }}", "if false {{ t.Error() }}"],
    ),
    "a.rs": (
        "#[test]\nfn adds() {{ {} }}\n",
        "assert_eq!(add(1, 2), 3);",
        [
            "assert!(true);",
            "assert_eq!(3, 3);",
            "return; assert_eq!(add(1, 2), 3);",
            "if false {{ assert_eq!(add(1, 2), 3); }}",
        ],
    ),
    "ATest.java": (
        "class ATest {{ @Test void adds() {{ {} }} }}\n",
        "assertEquals(3, add(1, 2));",
        [
            "assertTrue(true);",
            "if (false) {{ assertEquals(3, add(1, 2)); }}",
            "try {{ assertEquals(3, add(1, 2)); }} catch (Throwable e) {{ }}",
        ],
    ),
    "a.cpp": (
        "TEST(Sums, adds) {{\n{}\n}}\n",
        "EXPECT_EQ(add(1, 2), 3);",
        [
            "EXPECT_TRUE(true);",
            "EXPECT_EQ(3, 3);",
            "#if 0\nEXPECT_EQ(add(1, 2), 3);\n#endif",
            "return; EXPECT_EQ(add(1, 2), 3);",
        ],
    ),
    "a.c": (
        "void test_adds(void) {{\n{}\n}}\n",
        "assert(add(1, 2) == 3);",
        ["assert(1);", "return;\nassert(add(1, 2) == 3);"],
    ),
}


@pytest.mark.parametrize("path", OTHERS)
def test_tricks_in_other_languages_are_seen(path):
    from l2mac.checks.toolchains.strength import assertions

    frame, honest, tricks = OTHERS[path]
    (name,) = assertions(path, bare(path, frame.format(honest.replace("{{", "{").replace("}}", "}"))))
    for text, expected in [(honest, 1), *((trick, 0) for trick in tricks)]:
        whole = frame.format(text.replace("{{", "{").replace("}}", "}"))
        assert assertions(path, bare(path, whole)) == {name: expected}, whole
