"""Every attack on every rung, as root and as a plain user, judged from outside."""

import pytest

from .attack import BARE, RUNGS
from .attacks import ATTACKS
from .installation import current_user

PLAIN = str.maketrans({" ": "-", "/": None})
WHO = {"root": (BARE, *RUNGS), "plain": ("landlock", "bubblewrap")}
"""Where each user tries. Where both do, the rest is left to `benchmarks/escapes.py`."""
if current_user() == "plain":
    WHO = {"plain": (BARE, *RUNGS)}


def _cases(rungs):
    for user, tried in WHO.items():
        for rung in (it for it in rungs if it in tried):
            for attack in ATTACKS:
                if user in attack.users:
                    leak = attack.leak(rung, user) if rung != "none" else ""
                    marks = [pytest.mark.xfail(reason=leak, strict=True)] if leak else []
                    yield pytest.param(
                        attack, rung, user, id=f"{attack.id}-{rung.translate(PLAIN)}-{user}", marks=marks
                    )


@pytest.mark.parametrize(("attack", "rung", "user"), list(_cases([BARE])))
def test_without_a_sandbox_every_attack_gets_through(attack, rung, user, hosts):
    host = hosts(user, rung)
    if reason := attack.impossible(host):
        pytest.skip(reason)
    through, _ = host.attack(attack)
    assert through


@pytest.mark.parametrize(("attack", "rung", "user"), list(_cases(["none"])))
def test_what_the_lowest_rung_holds_is_known(attack, rung, user, hosts):
    host = hosts(user, rung)
    if reason := attack.impossible(host):
        pytest.skip(reason)
    through, left = host.attack(attack)
    assert through == attack.gets_through(rung, user)
    assert through or not left


@pytest.mark.parametrize(("attack", "rung", "user"), list(_cases(RUNGS[1:])))
def test_no_attack_gets_through(attack, rung, user, hosts):
    host = hosts(user, rung)
    if reason := attack.impossible(host):
        pytest.skip(reason)
    through, left = host.attack(attack)
    assert not through
    assert not left, "it left processes behind"
