"""The points of a prompt that is a list are kept one to one."""

import pytest

from l2mac.control.points import points, unkept
from l2mac.program.values import Requirement

LISTS = {
    "prose": ("A to-do list: add, list, done. Version 2.0 - fast, 3.5 times as small.", []),
    "one bullet is no list": ("Do this:\n- add things", []),
    "bullets": ("Do:\n- add\n* list\n+ done\n\nThanks.", ["add", "list", "done"]),
    "numbers": ("1. add\n2) list\n(3) done", ["add", "list", "done"]),
    "in one line": ("Tasks: 1) add them; 2) list them; 3) mark them.", ["add them", "list them", "mark them"]),
    "in one line, with a number between": ("Do: 1. add 2 things 2. list", ["add 2 things", "list"]),
    "letters": ("a) add\nb) list", ["add", "list"]),
    "tasks": ("- [ ] 1.1. add\n- [x] 1.2 list", ["add", "list"]),
    "nested": ("1. **Tasks**:\n   - add\n   - list\n2. Undo\n   - one step", ["add", "list", "Undo", "one step"]),
    "a heading that says nothing itself": ("- **Tasks**\n  - add\n  - list", ["add", "list"]),
    "fenced": ("- add\n- list\n```\n- not me\n```", ["add", "list"]),
    "Chinese": ("做一个待办：\n1、添加任务\n2、列出任务\n3．完成", ["添加任务", "列出任务", "完成"]),
    "Chinese in one line": ("做一个待办：1、添加任务；2、列出任务", ["添加任务", "列出任务"]),
    "circled": ("① hinzufügen\n② auflisten", ["hinzufügen", "auflisten"]),
    "Arabic": ("- أضف مهمة\n- اعرض المهام", ["أضف مهمة", "اعرض المهام"]),
    "quoted": ("> - add\n> - list", ["add", "list"]),
}  # fmt: skip


@pytest.mark.parametrize("case", LISTS.values(), ids=LISTS)
def test_the_items_of_lists_are_the_points(case):
    prompt, expected = case
    assert points(prompt) == expected


def test_the_features_of_a_long_prompt_are_found(shared_data):
    prompt = (shared_data / "l2mac-tasks" / "url_shortener.prompt.txt").read_text(encoding="utf-8")
    found = points(prompt)
    assert len(found) == 17 and found[0] == "Users can input a URL to be shortened."
    assert unkept(found, [Requirement(f"R{n}", text) for n, text in enumerate(found)]) == []
    assert unkept(found, [Requirement("R1", " ".join(found))]) and len(points("- a b c\n" * 1_000)) == 300


KEPT = {
    "in its words": (["Add a task", "List tasks"], []),
    "nearly": (["The user can add a task.", "It lists all tasks"], []),
    "merged": (["Add a task and list tasks"], ["List tasks"]),
    "left out": (["List tasks", "Be fast"], ["Add a task"]),
    "something else": (["Store data", "Print output"], ["Add a task", "List tasks"]),
    "nothing": ([], ["Add a task", "List tasks"]),
}


@pytest.mark.parametrize("case", KEPT.values(), ids=KEPT)
def test_a_point_without_a_requirement_of_its_own_is_named(case):
    texts, lost = case
    assert unkept(["Add a task", "List tasks"], [Requirement(f"R{n}", it) for n, it in enumerate(texts)]) == lost
