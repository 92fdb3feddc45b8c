"""The forms in which a program is read."""

import pytest

from l2mac.errors import UsageError
from l2mac.program.reading import load, numbered_list
from l2mac.program.values import Instruction, Requirement


@pytest.fixture
def read(tmp_path):
    def write_and_load(text, most=50):
        path = tmp_path / "program.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(path, most)

    return write_and_load


def test_a_mapping_is_read_whole(read):
    made = read("""
requirements:
  - {id: R1, text: It plays chess}
instructions:
  - id: I1
    title: Board
    text: |
      Write the board.
      With tests.
    covers: [R1]
    files: [board.py]
  - {id: I2, title: Moves, text: Write them, needs: [I1]}
""")
    assert made.requirements == (Requirement("R1", "It plays chess"),)
    assert made.instructions == (
        Instruction("I1", "Board", "Write the board.\nWith tests.\n", ("R1",), (), ("board.py",)),
        Instruction("I2", "Moves", "Write them", (), ("I1",)),
    )


def test_the_plain_list_of_the_original_is_read(read):
    made = read("- Write the board. Then test it.\n- 'Add moves: all of them'\n- |\n  Draw it.\n  In colour.\n")
    assert [it.id for it in made.instructions] == ["I1", "I2", "I3"]
    assert [it.title for it in made.instructions] == ["Write the board", "Add moves", "Draw it"]
    assert made.instructions[2].text == "Draw it.\nIn colour."


def test_ids_are_text_whatever_yaml_would_make_of_them(read):
    ids = ["1", "no", "1.50", "2024-01-01", "0x10", "null", "1e3"]
    made = read("instructions:\n" + "".join(f"  - {{id: {id}, text: x}}\n" for id in ids))
    assert [it.id for it in made.instructions] == ids
    made = read("- {id: 1, text: x}\n- {id: 2, text: y, needs: [1]}\n")
    assert made["2"].needs == ("1",)


def test_what_is_left_out_is_filled_in(read):
    made = read("- {text: 'Write it. Now.'}\n- {title: Test it}\n")
    assert [(it.id, it.title, it.text) for it in made.instructions] == [
        ("I1", "Write it", "Write it. Now."),
        ("I2", "Test it", "Test it"),
    ]


REFUSED = {
    "nothing": ("", "is neither a list of instructions nor a mapping with `instructions`"),
    "a word": ("hello", "is neither a list"),
    "no instructions": ("requirements: []", "instructions is missing"),
    "an empty list": ("[]", "has no instructions"),
    "an empty text": ("- ''", "I1 has no title"),
    "an unknown field": ("instructions: [{text: x, need: [I1]}]", "instructions.1: unknown field 'need'; did you mean"),
    "an unknown field on top": ("instruction: [x]\ninstructions: [x]", "'instruction'; did you mean instructions?"),
    "a text that became a mapping": ("- Step one: write it", "unknown field 'Step one'; a text that contains a colon"),
    "a list where a text stands": (
        "instructions: [{text: [x]}]",
        "instructions.1: text must be text",
    ),
    "a text where a list stands": ("instructions: [{text: x, needs: I1}]", "needs must be a list"),
    "a requirement without text": ("requirements: [{id: R1}]\ninstructions: [x]", "requirements.1: text is missing"),
    "an open bracket": ("instructions: [", "is no valid YAML"),
    "a tab": ("instructions:\n\t- x", "is no valid YAML"),
    "a control character": ("- a\x01b", "is no valid YAML"),
    "nesting without end": ("[" * 3_000, "is no valid YAML"),
    "no UTF-8": (b"- \xff\xfe\xfa", "can't be read: it is not UTF-8 text"),
    "an anchor in itself": ("&a [*a]", "holds an anchor at line 1, column 1"),
    "a merge key": ("a: &a {text: x}\ninstructions: [{<<: *a}]", "holds an anchor"),
    "too many": ("- x\n" * 51, "has 51 instructions, and 50 are allowed"),
    "a need that is not there": ("- {text: x, needs: [I7]}", "I1 needs I7, which does not exist"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_is_no_program_is_refused_in_one_clear_line(read, case):
    text, said = case
    with pytest.raises(UsageError) as refused:
        read(text)
    line = str(refused.value)
    assert said in line and "program.yaml" in line
    assert "\n" not in line and len(line) < 700 and "_Instruction" not in line and "_Program" not in line


def test_a_tag_runs_nothing(read, tmp_path):
    made = read("- !!int abc\n")
    assert made.instructions[0].text == "abc"
    with pytest.raises(UsageError):
        read(f"- !!python/object/apply:os.system ['touch {tmp_path}/ran']\n")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("link", ["[{0}]", "{{<<: [{0}]}}"], ids=["lists", "merge keys"])
def test_a_bomb_of_anchors_does_not_go_off(read, link):
    levels = ["a0: &a0 {text: x}" if "<<" in link else "a0: &a0 [x]"]
    levels += [f"a{n}: &a{n} {link.format(', '.join([f'*a{n - 1}'] * 10))}" for n in range(1, 30)]
    with pytest.raises(UsageError):
        read("\n".join([*levels, "instructions: *a29"]))


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        load(tmp_path / "none.yaml", 50)
    with pytest.raises(UsageError, match="Is a directory"):
        load(tmp_path, 50)


def test_ten_thousand_instructions_are_read(read):
    made = read("- Write it\n" * 10_000, most=10_000)
    assert made.instructions[-1].id == "I10000"


LISTS = {
    "dots": ("1. Write it\n2. Test it\n", ["Write it", "Test it"]),
    "brackets": ("1) Write it\n2) Test it\n", ["Write it", "Test it"]),
    "bold numbers": ("**1.** Write it\n**2.** Test it\n", ["Write it", "Test it"]),
    "bold titles": ("1. **Write it**: the model\n2. **Test it** - all\n", ["Write it", "Test it** - all"]),
    "bold altogether": ("**1. Write it**\nnow\n**2. Test it**\n", ["Write it", "Test it"]),
    "steps": ("Step 1: Write it\nstep 2: Test it\n", ["Write it", "Test it"]),
    "steps with dashes": ("Step 1 - Write it\nStep 2 \u2013 Test it\n", ["Write it", "Test it"]),
    "bold steps": ("**Step 1:** Write it\n**Step 2:** Test it\n", ["Write it", "Test it"]),
    "headings": ("## 1. Write it\ntext\n## 2. Test it\n", ["Write it", "Test it"]),
    "headings of steps": ("### Step 1: Write it\n### Step 2: Test it\n", ["Write it", "Test it"]),
    "headings over lists": (
        "## 1. Write it\n1. so\n2. and so\n3. too\n## 2. Test it\n1. well\n",
        ["Write it", "Test it"],
    ),
    "lists within": ("1. Write it\n   1. so\n   2. and so\n2. Test it\n   - well\n", ["Write it", "Test it"]),
    "lists within of brackets": ("1. Write it\n  1) so\n  2) and so\n2. Test it\n", ["Write it", "Test it"]),
    "indented as a whole": ("  1. Write it\n  2. Test it\n", ["Write it", "Test it"]),
    "a preamble": ("In 2024. I do it in 2 parts.\nHere it is:\n\n1. Write it\n2. Test it", ["Write it", "Test it"]),
    "a list that begins again": (
        "First\n1. Write it\n2. Test it\nThen\n1. Ship it\n2. Rest\n",
        ["Write it", "Test it", "Ship it", "Rest"],
    ),
    "a number out of order": ("1. Write it\n7. odd\n2. Test it\n", ["Write it", "Test it"]),
    "windows lines": ("1. Write it\r\n2. Test it\r\n", ["Write it", "Test it"]),
    "no list": ("I would write it and test it, 1. this 2. that", []),
    "a list from two": ("2. Write it\n3. Test it", []),
    "bullets": ("- Write it\n- Test it\n", []),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("prose", "titles"), LISTS.values(), ids=LISTS)
def test_a_plan_in_prose_is_read(prose, titles):
    found = numbered_list(prose)
    assert [it.title for it in found] == titles
    assert [it.id for it in found] == [f"I{number}" for number in range(1, len(titles) + 1)]


def test_what_stands_below_an_item_belongs_to_it():
    first, second = numbered_list("Plan\n\n1. Write it\n   in `a.py`\n   1. so\n2. Test it.\n\nGood luck!\n")
    assert first.text == "Write it\n   in `a.py`\n   1. so"
    assert second.text == "Test it.\n\nGood luck!"


@pytest.mark.parametrize("text", ["word " * 200, "x" * 5_000, "*" * 100, "...", "a\rb", "First. Second. " * 50])
def test_a_title_is_short_and_one_line(text):
    (item,) = numbered_list(f"1. {text}")
    assert len(item.title) <= 72 and len(item.title.splitlines()) <= 1


def test_a_hostile_text_is_read_without_delay():
    assert numbered_list("1" * 200_000 + "\n" + "# " * 100_000 + "\n" + "1. " * 100_000)
