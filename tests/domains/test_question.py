"""What an answer to "code or tests?" means, and what is said after it."""

import pytest

from l2mac.domains.question import blamed, told


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("code", "code"),
        ("CODE.", "code"),
        ("**Tests**", "tests"),
        ("`test`", "tests"),
        ("Answer: tests", "tests"),
        ("the tests are wrong", "tests"),
        ("The code is correct. The tests are wrong.", "tests"),
        ("The tests expect an error, as they should.\nSo the function itself is clearly wrong.", "code"),
        ("The code is not wrong.\nThe tests are wrong!", "tests"),
        ("Both the code and the tests mention age.\n\nTests", "tests"),
        ("The code handles it; look at the tests.\n# Code", "code"),
        ("", "code"),
        ("I can't say.", "code"),
        ("code or tests", "code"),
        ("Die Antwort ist 42 \ufffd", "code"),
    ],
)
def test_answers_are_read_as_they_are_meant(answer, expected):
    assert blamed(answer) == expected


@pytest.mark.parametrize(
    ("failing", "changed", "code", "tests"),
    [
        (["src/lib.rs::tests::a"], ["Cargo.toml", "src/lib.rs"], "src/lib.rs", "src/lib.rs"),
        (["CMakeLists.txt::a_test"], ["CMakeLists.txt", "a.cpp", "a.hpp", "a_test.cpp"], "a.cpp", "a_test.cpp"),
        (["tests/test_a.py::test_b"], ["a.py", "tests/test_a.py"], "a.py", "tests/test_a.py"),
        (["x"], ["pom.xml", "src/main/java/A.java", "src/test/java/ATest.java"], "main/java/A.java", "ATest.java"),
        (["latest.go::TestLatest"], ["latest.go", "latest_test.go"], "in latest.go", "in latest_test.go"),
        (["gone::x"], [], "Write it anew, and", "Write them anew, and"),
    ],
)
def test_the_file_to_write_anew_is_named(failing, changed, code, tests):
    assert code in told("code", failing, changed) and "The code is wrong" in told("code", failing, changed)
    assert tests in told("tests", failing, changed) and "The tests are wrong" in told("tests", failing, changed)
