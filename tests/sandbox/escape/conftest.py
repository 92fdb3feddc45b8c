"""Hosts to attack, one for each user and rung, made when first needed."""

import pytest

from .host import Host
from .installation import Installation


@pytest.fixture(scope="session")
def hosts():
    """Gives the host of a user on a rung; skips where it is not to be had, and says why."""
    made, installations = {}, {}

    def installed(user):
        if user not in installations:
            try:
                installations[user] = Installation(user)
            except LookupError as error:
                installations[user] = str(error)
        if isinstance(installations[user], str):
            pytest.skip(installations[user])
        return installations[user]

    def host(user, rung):
        if (user, rung) not in made:
            made[user, rung] = Host(installed(user), rung)
        if made[user, rung].missing:
            pytest.skip(made[user, rung].missing)
        return made[user, rung]

    yield host
    for found in (*made.values(), *installations.values()):
        if not isinstance(found, str):
            found.close()
