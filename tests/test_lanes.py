"""Several instructions at once: what comes of it is what comes of one after the other, only sooner."""

import threading
from collections import Counter

import pytest

from l2mac import generate_codebase, load_settings, past, resume
from l2mac.control.state import state
from l2mac.memory.journal import Journal
from l2mac.memory.merging import merged
from l2mac.memory.snapshot import Snapshot
from l2mac.panel import views
from l2mac.processor.protocol import USUAL_WINDOW
from l2mac.testing import calls, says
from l2mac.watcher import Watcher

from .jobs import PLAIN, commits, done, events, files, git, program, told, write

ONE, FOUR = "run.lanes=1", "run.lanes=4"


class Placed:
    """A processor that answers by place, as lanes ask in any order.

    Args:
        script: for each instruction its replies in turn, each a reply, an exception or a function of the request; an
            instruction begun again, and one in a later epoch, begins them again.
        meet: how many lanes must ask the first turn of an instruction at the same time before any is answered.
    """

    name = "placed"
    window = USUAL_WINDOW

    def __init__(self, script, meet=0):
        self.script = script
        self.requests = []
        self.most = self._now = 0
        self._lock = threading.Lock()
        self._meeting = threading.Barrier(meet) if meet else None
        self._met = meet

    def complete(self, request, listener=None):
        _, id, _, turn = request.place.split("/")
        with self._lock:
            self.requests.append(request)
            self._now += 1
            self.most = max(self.most, self._now)
            meets = self._meeting and id != "I0" and turn == "1" and self._met > 0
            self._met -= bool(meets)
        try:
            if meets:
                self._meeting.wait(30)
            answer = self.script[id][int(turn) - 1]
            answer = answer(request) if callable(answer) else answer
            if isinstance(answer, BaseException):
                raise answer
            return answer
        finally:
            with self._lock:
                self._now -= 1

    def count(self, id):
        return sum(it.place.split("/")[1] == id for it in self.requests)


def step(id, needs=(), files=(), **more):
    return {"id": id, "title": f"Do {id}", "text": f"Do {id}.", "needs": list(needs), "files": list(files), **more}


def wide(width=4, **more):
    """A script for so many instructions that need nothing, each with a file of its own."""
    ids = [f"I{number}" for number in range(1, width + 1)]
    parts = {id: [calls(write(**{f"{id}_dot_txt": f"{id}\n"})), calls(done(f"{id} is done."))] for id in ids}
    return {"I0": [program(*map(step, ids))], **parts, **more}


def make(script, out, *changes, name="run", meet=0, watcher=None):
    processor = Placed(script, meet)
    settings = load_settings(changes=list(changes) or [FOUR])
    options = {"out": out, "name": name, "settings": settings, "watcher": watcher, "domain": PLAIN}
    codebase = generate_codebase("Do something small.", processor=processor, **options)
    return codebase, processor


def go_on(folder, script, *changes):
    processor = Placed(script)
    return resume(folder, processor=processor, settings=load_settings(changes=list(changes) or [FOUR])), processor


def kinds(folder, *wanted):
    return [(key.split("/", 1)[1], kind) for key, kind in events(folder, "key", "kind") if kind in wanted]


def assert_sound(codebase):
    """The folder, the history and the journal agree, and all of it can be gone through again."""
    assert {path: text.decode() for path, text in files(codebase.path).items()} == dict(codebase)
    assert git(codebase.path, "status", "--porcelain") == ""
    retired = [key for key, kind in kinds(codebase.path, "retired")]
    assert len(commits(codebase.path) if retired else ()) == len(retired) == len(set(retired))
    again = past.replay(codebase.path)
    assert (again.instructions, again.complete) == (len(retired), codebase.ended is not None)


CHAIN = {
    "I0": [program(step("I1"), step("I2"), step("I3", ["I1"]), step("I4", ["I1", "I2"]), step("I5", ["I3", "I4"]))],
    **{f"I{number}": [calls(write(**{f"f{number}_dot_txt": str(number)}), done())] for number in range(1, 5)},
    "I5": [
        lambda request: calls(("read_files", {"requests": [{"path": "f4.txt"}]})),
        calls(write(e_dot_txt="e"), done()),
    ],
}


@pytest.mark.parametrize("script", [wide(), wide(9), CHAIN], ids=["wide", "wider than the lanes", "with needs"])
def test_four_lanes_make_the_files_of_one(script, tmp_path):
    one, first = make(script, tmp_path, ONE, name="one")
    four, second = make(script, tmp_path, FOUR, name="four")
    assert one.complete and four.complete
    assert dict(one) == dict(four)
    assert sorted(it.place for it in first.requests) == sorted(it.place for it in second.requests)
    assert Counter(title for _, title in commits(one.path)) == Counter(title for _, title in commits(four.path))
    assert_sound(four)


def test_as_many_instructions_are_in_flight_as_there_are_lanes(tmp_path):
    shown = []
    codebase, processor = make(wide(8), tmp_path, meet=4)
    assert codebase.complete and processor.most == 4
    journal = Journal(codebase.path / ".l2mac" / "run.db", writable=False)
    seqs = [event.seq for event in journal.events() if event.kind == "reply"]
    shown = [it["state"] for it in views.status(state(journal, seqs[1]))["instructions"]]
    journal.close()
    assert shown == ["begun"] * 4 + ["waiting"] * 4


def test_one_lane_asks_one_after_the_other_in_this_thread(tmp_path):
    seen = set()
    script = wide(I1=[lambda request: seen.add(threading.current_thread()) or calls(write(a_dot_txt="a"), done())])
    _, processor = make(script, tmp_path, ONE)
    assert processor.most == 1
    assert seen == {threading.main_thread()}


def test_what_names_the_same_file_is_not_begun_together(tmp_path):
    script = {**wide(2), "I0": [program(step("I1", files=["a.txt"]), step("I2", files=["a.txt"]))]}
    codebase, processor = make(script, tmp_path)
    assert codebase.complete and processor.most == 1


# -- work that meets -------------------------------------------------------------------------------------------------

X = "x\r\n" * 9
LINES = "".join(f"line {number}\n" for number in range(40))


def edit(find, replace, path="shared.txt"):
    return ("edit_file", {"path": path, "edits": [{"find": find, "replace": replace}]})


def meeting(first, second, **base):
    """A script in which two instructions begin on the same files, at the same time."""
    plan = program(step("I1"), step("I2", ["I1"]), step("I3", ["I1"]))
    return {"I0": [plan], "I1": [calls(write(**base), done())], "I2": first, "I3": second}


def run_meeting(script, tmp_path):
    """Run it so that both have begun before either is answered."""
    script = {**script, "I1": [*script["I1"]]}
    together = threading.Barrier(2)
    waited = Counter()

    def after(answer, id):
        def wait(request):
            waited[id] += 1
            if waited[id] == 1:
                together.wait(30)
            return answer(request) if callable(answer) else answer

        return wait

    for id in ("I2", "I3"):
        script[id] = [after(script[id][0], id), *script[id][1:]]
    codebase, processor = make(script, tmp_path)
    assert codebase.complete, codebase.ended
    assert_sound(codebase)
    return codebase, processor


def test_two_lanes_that_change_different_lines_of_a_file_are_merged(tmp_path):
    first = [calls(edit("line 3\n", "line three\n"), done())]
    second = [calls(edit("line 30\n", "line thirty\n"), done())]
    codebase, processor = run_meeting(meeting(first, second, shared_dot_txt=LINES), tmp_path)
    assert codebase["shared.txt"] == LINES.replace("line 3\n", "line three\n").replace("line 30\n", "line thirty\n")
    assert processor.count("I2") == processor.count("I3") == 1
    assert not kinds(codebase.path, "conflict")


def append(text):
    """Add a line to whatever stands in the file then, as a model does that has looked."""
    return [
        calls(("read_files", {"requests": [{"path": "shared.txt"}]})),
        lambda request: calls(write(shared_dot_txt=shown(request) + text), done()),
    ]


def shown(request):
    """The text of the file that the last result shows, which is fenced."""
    return told(request)[-1].split("```")[1].partition("\n")[2]


def test_no_update_is_lost_where_two_lanes_write_the_same_lines(tmp_path):
    codebase, processor = run_meeting(meeting(append("two\n"), append("three\n"), shared_dot_txt="one\n"), tmp_path)
    assert sorted(codebase["shared.txt"].splitlines()) == ["one", "three", "two"]
    assert processor.count("I2") + processor.count("I3") == 6  # one of them was executed again
    assert len(kinds(codebase.path, "conflict")) == 1


def test_what_reads_a_file_that_another_lane_deletes_is_executed_again(tmp_path):
    first = [calls(("delete_files", {"paths": ["shared.txt"]}), done())]
    reads = ("read_files", {"requests": [{"path": "shared.txt"}]})
    held = threading.Event()

    def second(request):
        held.wait(10)
        there = "no file" not in told(request)[-1]
        return calls(write(out_dot_txt="there\n" if there else "gone\n"), done())

    script = meeting(first, [calls(reads), second], shared_dot_txt="x\n")
    watcher = Watcher(event=lambda it: held.set() if it.kind == "retired" and it.instruction == "I2" else None)
    codebase, processor = make(script, tmp_path, watcher=watcher)
    assert codebase.complete and dict(codebase) == {"out.txt": "gone\n"}
    assert processor.count("I3") == 4
    assert_sound(codebase)


def test_a_merge_that_breaks_the_tests_is_no_merge(tmp_path):
    """Two changes that touch no line in common, each green, and red together."""
    test = "from shape import side\n\n\ndef test_side():\n    assert side() {} 2\n"
    renamed = [
        calls(
            write(
                shape_dot_py="def edge():\n    return 2\n", test_shape_dot_py=test.format("==").replace("side", "edge")
            ),
            done(test_changes=[{"test": "test_shape.py::test_side", "reason": "side is called edge now"}]),
        )
    ]
    held = threading.Event()

    def used(request):
        held.wait(60)
        name = "side" if request.place.split("/")[2] == "0" else "edge"
        text = f"from shape import {name}\n\n\ndef area():\n    return {name}() ** 2\n"
        check = "from area import area\n\n\ndef test_area():\n    assert area() == 4\n"
        return calls(write(area_dot_py=text, test_area_dot_py=check), done())

    base = {"shape_dot_py": "def side():\n    return 2\n", "test_shape_dot_py": test.format("==")}
    plan = program(
        step("I1"), step("I2", ["I1"], text="Rename side to edge, in test_shape.py::test_side too."), step("I3", ["I1"])
    )
    script = {"I0": [plan], "I1": [calls(write(**base), done())], "I2": renamed * 3, "I3": [used]}
    watcher = Watcher(
        event=lambda it: held.set() if it.kind in ("retired", "blocked") and it.instruction == "I2" else None
    )
    codebase, processor = make(script, tmp_path, watcher=watcher)
    assert codebase.complete, codebase.ended
    assert "edge" in codebase["area.py"] and processor.count("I3") == 2
    assert [key for key, _ in kinds(codebase.path, "conflict")] == ["I3/0/1/conflict"]
    assert_sound(codebase)


def test_two_lanes_that_add_the_same_dependency_agree(tmp_path):
    both = [calls(write(requirements_dot_txt="# none but the standard library\n"), done())]
    codebase, _ = run_meeting(meeting(both, both, a_dot_txt="a"), tmp_path)
    assert codebase["requirements.txt"] == "# none but the standard library\n"
    assert not kinds(codebase.path, "conflict")


def test_what_clashes_again_and_again_is_executed_alone(tmp_path):
    """An instruction that writes what every other writes too ends all the same, and nothing is lost."""
    count = 6
    script = {f"I{number}": append(f"{number}\n") for number in range(2, count + 2)}
    plan = program(step("I1"), *(step(id, ["I1"]) for id in script))
    script |= {"I0": [plan], "I1": [calls(write(shared_dot_txt="1\n"), done())]}
    codebase, processor = make(script, tmp_path)
    assert codebase.complete, codebase.ended
    assert sorted(codebase["shared.txt"].split()) == [str(number) for number in range(1, count + 2)]
    assert all(processor.count(f"I{number}") <= 2 * 3 for number in range(2, count + 2))
    assert_sound(codebase)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "reads", "made"),
    [
        ({}, {"a": "1"}, {"b": "2"}, (), {"a": "1", "b": "2"}),
        ({"a": "1"}, {"a": None}, {"a": None}, (), {}),
        ({"a": "1"}, {"a": "2"}, {"a": "2"}, (), {"a": "2"}),
        ({"a": "1\n"}, {"a": "2\n"}, {"a": "3\n"}, (), "a was changed by both"),
        ({}, {"a": "2\n"}, {"a": "3\n"}, (), "a was changed by both"),
        ({"a": "1"}, {"a": None}, {"a": "2"}, (), "a was changed by both"),
        ({"a": "1"}, {"a": "2"}, {"a": None}, (), "a was changed by both"),
        ({}, {"a/b": "1"}, {"a": "2"}, (), "a/b can't be written: a is a file, not a folder"),
        ({}, {"a": "1"}, {"a/b": "2"}, (), "a can't be written: it is a folder"),
        ({}, {"A.py": "1"}, {"a.py": "2"}, (), "A.py differs from a.py only in case"),
        ({"a": "1"}, {"b": "1"}, {"a": None}, ("a",), "a was read, and deleted meanwhile"),
        ({"a": "1"}, {"b": "1"}, {"a": "2"}, ("a",), {"a": "2", "b": "1"}),
        ({"a": X}, {"a": f"1\r\n{X}"}, {"a": f"{X}2"}, (), {"a": f"1\r\n{X}2"}),
        ({"d/a": "1"}, {"d/a": None, "d": "file"}, {"e": "2"}, (), {"d": "file", "e": "2"}),
    ],
)  # fmt: skip
def test_a_change_is_brought_onto_a_newer_state_file_by_file(base, ours, theirs, reads, made):
    newest = Snapshot(base).apply(theirs)
    found = merged(Snapshot(base), ours, reads, newest)
    if isinstance(made, str):
        assert isinstance(found, list) and len(found) == 1 and found[0].startswith(made)
    else:
        assert dict(newest.apply(found.change)) == made


# -- the program -----------------------------------------------------------------------------------------------------

DECIDES = """
requirements: []
instructions:
- {id: I1, title: One, text: One.}
- {id: I2, title: Two, text: Two.}
- id: W
  when: exists("a.txt")
  then:
  - {id: T, title: There, text: There.}
- {id: I3, title: Three, text: Three.}
- id: E
  for each: name
  in: [x, y]
  do:
  - {id: P, title: "Part ${name}", text: "Part ${name}."}
"""


def test_what_looks_at_the_whole_waits_for_it_and_is_not_overtaken(tmp_path):
    (tmp_path / "p.yaml").write_text(DECIDES)
    ids = ["I1", "I2", "W.1", "I3", "E.1", "E.2"]
    script = {id: [calls(write(**{f"{id.replace('.', '_')}_dot_txt": id}), done())] for id in ids}
    script["I2"] = [calls(write(a_dot_txt="a"), done())]
    processor = Placed(script)
    settings = load_settings(changes=[FOUR])
    codebase = generate_codebase(
        "Do.", processor=processor, out=tmp_path, name="run", program=tmp_path / "p.yaml", settings=settings
    )
    assert codebase.complete, codebase.ended
    order = [key.split("/")[0] for key, kind in kinds(codebase.path, "began", "retired", "decided")]
    decided = [key for key, _ in kinds(codebase.path, "began", "retired", "decided")].index("W/0/0/decided")
    assert set(order[:decided]) == {"I1", "I2", "W"} and "W_1.txt" in codebase
    assert_sound(codebase)


def revise(*changes):
    return ("revise_program", {"reason": "It is needed.", "changes": list(changes)})


def test_changes_of_the_program_by_two_lanes_are_both_made_or_made_again(tmp_path):
    def add(id):
        return [calls(revise({"change": "add", "instructions": [step(id)]}), write(**{f"by_{id}_dot_txt": id}), done())]

    parts = {id: [calls(write(**{f"{id}_dot_txt": id}), done())] for id in ("A", "B")}
    script = {**wide(2), "I1": add("A"), "I2": add("B"), **parts}
    codebase, _ = make(script, tmp_path, meet=2)
    assert codebase.complete and {"A.txt", "B.txt", "by_A.txt", "by_B.txt"} == codebase.keys()
    assert_sound(codebase)


def test_a_change_of_the_program_that_others_overtook_is_made_on_the_new_one(tmp_path):
    """Both drop the same instruction: the later one finds it gone, and does its work again without."""
    drop = revise({"change": "drop", "id": "I3"})
    script = wide(2)
    script |= {"I0": [program(step("I1"), step("I2"), step("I3", ["I1", "I2"]), step("I4", ["I1", "I2"]))]}
    script |= {"I4": [calls(write(d_dot_txt="d"), done())]}
    for id in ("I1", "I2"):
        script[id] = [calls(drop), calls(write(**{f"{id}_dot_txt": id}), done())]
    codebase, _processor = make(script, tmp_path, meet=2)
    assert codebase.complete and codebase.keys() == {"I1.txt", "I2.txt", "d.txt"}
    assert len(kinds(codebase.path, "conflict")) == 1
    assert_sound(codebase)


def test_a_blocked_instruction_does_not_stop_those_beside_it(tmp_path):
    script = wide(I2=[says("I would rather not.")] * 50)
    codebase, _ = make(script, tmp_path, FOUR, "run.turns=3")
    assert codebase.ended.outcome == "partial" and codebase.keys() == {"I1.txt", "I3.txt", "I4.txt"}
    assert_sound(codebase)
