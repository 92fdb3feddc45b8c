"""Several instructions in flight, as people see them."""

import pytest

from l2mac.memory.journal import Event
from l2mac.panel.follower import Follower
from l2mac.panel.story import marked
from l2mac.watcher import Watcher

from ..test_lanes import FOUR, ONE, make, wide


@pytest.mark.parametrize(("lanes", "told"), [(FOUR, True), (ONE, False)], ids=["four lanes", "one lane"])
def test_the_live_region_names_what_is_in_flight_instead_of_mixing_what_lanes_say(lanes, told, tmp_path):
    follower, seen, journals = Follower(), [], []

    def opened(path, journal, now):
        journals.append(journal)
        follower.opened(now)

    def look(event):
        if not journals:
            return
        follower.event(event, journals[0])
        follower.text("half a sen")
        seen.append(follower.view())

    watcher = Watcher(opened=opened, event=look)
    make(wide(), tmp_path, lanes, watcher=watcher)
    many = [it for it in seen if sum(row.state == "now" for row in it.rows) > 1]
    assert bool(many) == told
    assert all(it.action.startswith("working on I") and not it.said for it in many)
    assert any(it.said == "half a sen" for it in seen)


@pytest.mark.parametrize(
    ("line", "id", "lanes", "shown"),
    [
        ("  retired: Done.", "I2", 4, "I2  retired: Done."),
        ("  retired: Done.", "I2", 1, "  retired: Done."),
        ("I2 Do it", "I2", 4, "I2 Do it"),
        ("  audit: tests passed", "-", 4, "  audit: tests passed"),
    ],
)
def test_a_line_says_which_instruction_it_is_about_where_there_are_lanes(line, id, lanes, shown):
    assert marked(line, Event(1, f"1/{id}/0/1/x", "x", "", "", 0.0, 0.0), lanes) == shown
