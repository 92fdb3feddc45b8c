"""Reaching anyone: the outside, the host's own services, and being reached."""

from __future__ import annotations

import socket
from contextlib import suppress

from .attack import Attack, Scene
from .host import Host

TITLE = "Network"

CONNECT = """
    with socket.socket(socket.{family}, socket.{kind}) as to:
        to.settimeout(2)
        address = place["sockets"]["{name}"]
        address = tuple(address) if isinstance(address, list) else address
        {how}
"""


def _reach(name: str, does: str, family: str, how: str = "to.connect(address); to.send(b'x')", **more) -> Attack:
    kind = "SOCK_DGRAM" if name.startswith("udp") or name.endswith("datagram") else "SOCK_STREAM"
    return Attack(
        id=more.pop("id", name),
        does=does,
        effect="its listener is reached",
        script=CONNECT.format(family=family, kind=more.pop("kind", kind), name=name, how=how),
        through=lambda scene: scene.yard.reached(name),
        impossible=lambda host: "" if name in host.yard.listeners else "this computer has no such address",
        **more,
    )


def _answers(scene: Scene) -> bool:
    """Does a server of the attacker answer on the host's loopback?"""
    with suppress(OSError, ValueError):
        port = int((scene.yard.lane / "port").read_text())
        with socket.create_connection(("127.0.0.1", port), timeout=1) as to:
            return to.recv(100) == scene.yard.name.encode()
    return False


def _no_mptcp(host: Host) -> str:
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262):
        return ""
    return "this kernel has no multipath TCP"


ATTACKS = (
    _reach("tcp-address", "connect by TCP to an address of the network", "AF_INET"),
    _reach("udp-address", "send UDP to an address of the network", "AF_INET"),
    _reach("tcp-loopback", "connect by TCP to a service of the host's loopback", "AF_INET"),
    _reach("udp-loopback", "send UDP to a service of the host's loopback", "AF_INET"),
    _reach("tcp-ipv6", "connect by TCP over IPv6", "AF_INET6"),
    _reach("udp-ipv6", "send UDP over IPv6", "AF_INET6"),
    _reach(
        "tcp-loopback",
        "send with the first packet, without connect()",
        "AF_INET",
        "to.sendto(b'x', socket.MSG_FASTOPEN, address)",
        id="tcp-fast-open",
    ),
    Attack(
        id="mptcp",
        does="connect by multipath TCP, which filters of TCP overlook",
        effect="its listener is reached",
        script="""
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262) as to:
                to.connect(tuple(place["sockets"]["tcp-loopback"]))
        """,
        through=lambda scene: scene.yard.reached("tcp-loopback"),
        impossible=_no_mptcp,
    ),
    _reach("unix", "connect to a unix socket that has a path, as an ssh agent's", "AF_UNIX"),
    _reach("unix-datagram", "send to a unix datagram socket that has a path, as the system log's", "AF_UNIX"),
    _reach("abstract", "connect to an abstract unix socket", "AF_UNIX", "to.connect('\\0' + address)"),
    Attack(
        id="serve",
        does="open a port of the host to others",
        effect="it answers on the host's loopback",
        script="""
            with socket.create_server(("127.0.0.1", 0)) as server:
                with open("new", "w") as file:
                    file.write(str(server.getsockname()[1]))
                os.rename("new", "port")
                server.settimeout(0.5)
                to, _ = server.accept()
                to.sendall(place["name"].encode())
                hold()
        """,
        through=_answers,
        live=True,
    ),
)
