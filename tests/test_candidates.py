"""Candidates: what the first window did not get done is tried anew, and the smallest change that passes is taken."""

import pytest

from l2mac.testing import calls, says

from .jobs import done, events, program, write
from .test_crash import Death, die_after
from .test_lanes import FOUR, ONE, assert_sound, go_on, kinds, make, step

BROKEN = calls(write(data_dot_json="{broken"), done())
LONG = calls(write(data_dot_json="{}", notes_dot_txt="why\n" * 9), done("Long."))
SHORT = calls(write(data_dot_json="{}"), done("Short."))
IDLE = says("I would rather not.")


def script(*candidates, later=SHORT):
    """A first window that idles, and what each candidate replies to every turn."""

    def answer(request):
        attempt = int(request.place.split("/")[2])
        if attempt == 0:
            return IDLE
        return candidates[attempt - 1] if attempt <= len(candidates) else later

    return {"I0": [program(step("I1"))], "I1": [answer] * 40}


def three(*more):
    return ["run.candidates=3", "run.turns=16", *more]


@pytest.mark.parametrize("lanes", [ONE, FOUR])
def test_the_smallest_candidate_that_passes_is_taken_and_the_others_leave_nothing(lanes, tmp_path):
    codebase, processor = make(script(LONG, BROKEN, SHORT), tmp_path, *three(lanes))
    assert codebase.complete and dict(codebase) == {"data.json": "{}"}
    assert [key for key, _ in kinds(codebase.path, "retired")] == ["I1/3/1/retired"]
    (gist,) = [gist for kind, gist in events(codebase.path, "kind", "gist") if kind == "candidates"]
    assert gist == "of 3 candidates 2 pass every check; that with the smallest change (1 lines) is taken"
    by_attempt = [it.place.split("/")[2] for it in processor.requests if "/I1/" in it.place]
    assert by_attempt.count("2") == 8  # half the turns, and no more
    assert_sound(codebase)


def test_every_candidate_begins_from_the_same_files_and_knows_that_it_is_one(tmp_path):
    _, processor = make(script(LONG, LONG, SHORT), tmp_path, *three(ONE))
    for number in (1, 2, 3):
        (request,) = [it for it in processor.requests if it.place == f"1/I1/{number}/1"]
        assert f"candidate {number}." in request.messages[-1].content
        assert "notes.txt" not in str(request.messages)


def test_where_no_candidate_passes_the_instruction_goes_on_in_a_window_of_its_own(tmp_path):
    codebase, _ = make(script(BROKEN, BROKEN, BROKEN), tmp_path, *three(ONE))
    assert codebase.complete and dict(codebase) == {"data.json": "{}"}
    assert [key for key, _ in kinds(codebase.path, "retired")] == ["I1/4/1/retired"]
    assert len(kinds(codebase.path, "candidates")) == 1
    assert_sound(codebase)


def test_there_are_none_by_default_nor_for_what_the_first_window_gets_done(tmp_path):
    codebase, _ = make(script(LONG), tmp_path, ONE, name="off")
    assert not kinds(codebase.path, "candidates") and codebase.complete
    first, processor = make({"I0": [program(step("I1"))], "I1": [SHORT]}, tmp_path, *three(ONE), name="first")
    assert not kinds(first.path, "candidates") and len(processor.requests) == 2


def test_a_budget_that_ends_among_candidates_takes_what_is_good_by_then(tmp_path):
    plain, _ = make(script(LONG, SHORT, SHORT), tmp_path, *three(ONE), name="plain")
    place = "I1/1/1/reply"
    calls_made = [key for key, _ in kinds(plain.path, "reply")].index(place) + 1
    codebase, _ = make(script(LONG, SHORT, SHORT), tmp_path, *three(ONE, f"budget.calls={calls_made}", "run.turns=100"))
    assert codebase.complete and [key for key, _ in kinds(codebase.path, "retired")] == ["I1/1/1/retired"]
    assert kinds(codebase.path, "reply")[-1][0] == place
    assert_sound(codebase)


def test_a_death_among_candidates_resumes_to_the_same_choice(tmp_path):
    whole, _ = make(script(LONG, BROKEN, SHORT), tmp_path, *three(ONE), name="whole")
    keys = [key for (key,) in events(whole.path, "key")]
    for number in range(keys.index("1/I1/1/0/began"), len(keys), 3):
        out = tmp_path / f"at-{number}"
        with pytest.raises(Death):
            make(script(LONG, BROKEN, SHORT), out, *three(ONE), watcher=die_after(number))
        codebase, _ = go_on(out / "run", script(LONG, BROKEN, SHORT), *three(ONE))
        assert codebase.complete and dict(codebase) == {"data.json": "{}"}
        assert [key for (key,) in events(codebase.path, "key")] == keys
