"""Every attack on every rung, judged from outside."""

import pytest

from .attack import BARE, RUNGS
from .attacks import ATTACKS
from .installation import current_user
from .ladder import FORKED

pytestmark = pytest.mark.slow
PLAIN = str.maketrans({" ": "-", "/": None})
OF_PLAIN = ("landlock", "bubblewrap")
"""Where root leaves it to a plain user to try, if he can; `benchmarks/escapes.py` tries everything as both."""


def _user(attack, rung):
    """Who tries: one user for each attack on each rung."""
    if current_user() == "plain":
        return "plain"
    return "plain" if rung.removesuffix(FORKED) in OF_PLAIN and "plain" in attack.users else "root"


def _cases(rungs):
    for rung in rungs:
        for attack in sorted(ATTACKS, key=lambda it: _user(it, rung)):
            user = _user(attack, rung)
            if user in attack.users:
                leak = attack.leak(rung.removesuffix(FORKED), user) if rung != "none" else ""
                marks = [pytest.mark.xfail(reason=leak, strict=True)] if leak else []
                yield pytest.param(
                    attack, rung, user, id=f"{attack.id}-{rung.replace(',', '').translate(PLAIN)}-{user}", marks=marks
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


FORKING = [f"{rung}{FORKED}" for rung in ("landlock", "bubblewrap")]
"""A command that is a fork is held by what its parent is held by; on the rung between these, by what holds both."""


@pytest.mark.parametrize(("attack", "rung", "user"), list(_cases([*RUNGS[1:], *FORKING])))
def test_no_attack_gets_through(attack, rung, user, hosts):
    host = hosts(user, rung)
    if reason := attack.impossible(host):
        pytest.skip(reason)
    through, left = host.attack(attack)
    assert not through
    assert not left, "it left processes behind"
