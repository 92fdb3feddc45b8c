"""Whatever a person gets wrong is answered with what to do, and touches nothing."""

import pytest

from ..jobs import files
from . import command_line, settings, surroundings
from .surroundings import TAPE

CASES = [*command_line.CASES, *settings.CASES, *surroundings.CASES]
SECRETS = ("sesame", "sk-ab", "12345678", "schlüssel")


def clean(seen, yard):
    """Nothing that a person should never see was shown or kept."""
    shown = f"{seen.out}\n{seen.err}\n{yard.texts()}"
    assert "Traceback" not in shown
    assert not [secret for secret in SECRETS if secret in shown]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_command_that_is_wrong_says_what_to_do_and_touches_nothing(case, yard):
    place = yard(case)
    held = case.spoil(place) if case.spoil else None
    before = place.snapshot(case.makes)
    seen = case.how(place, case) if case.how else place.give(case.arguments, **case.variables)
    assert (seen.code, place.told(seen.err)) == (case.code, f"l2mac: {case.says}" if case.says else "")
    assert place.snapshot(case.makes) == before
    assert len(seen.out.splitlines()) <= 1 and case.prints in place.normal(seen.out)
    clean(seen, place)
    if held:
        held.close()
    if case.resumes:
        resumed = place.give(["resume", case.resumes, *TAPE])
        assert resumed.code == 0, resumed.err
        assert files(place.here / "workspace" / case.resumes) == {"a.txt": b"hello\n"}
