"""Writing where it must not: beside the lane, through links, and by leading the machine to write or to read."""

from __future__ import annotations

import stat

from l2mac.memory.lane import Lane
from l2mac.memory.snapshot import Snapshot

from .attack import BARE, Attack, Scene

TITLE = "Files"
FILES = Snapshot({"notes.txt": "the lane\n", "out/pre-push": "exit 0\n"})


def _write(id: str, does: str, script: str, *roots: str, **more) -> Attack:
    return Attack(
        id=id,
        does=does,
        effect="it is changed",
        script=script,
        through=lambda scene: scene.yard.changed(*roots),
        **more,
    )


def _append(path: str) -> str:
    return f"open(place['files'][{path!r}], 'a').write('# poisoned')"


def _read_back(scene: Scene) -> bool:
    """Does the secret come with what is read back from the lane? The machine does it in its way, a plain child's
    parent in the plain way."""
    yard = scene.yard
    if scene.rung == BARE:
        return yard.secret in (yard.lane / "notes.txt").read_text()
    change, _ = Lane(yard.lane).harvest(Snapshot({"notes.txt": "the lane\n"}))
    return any(yard.secret in (text or "") for text in change.values())


def _laid_out(scene: Scene) -> bool:
    """Does what is next laid out in the lane land outside?"""
    yard = scene.yard
    if scene.rung == BARE:
        (yard.lane / "out" / "pre-push").write_text(FILES["out/pre-push"])
    else:
        Lane(yard.lane).lay_out(FILES)
    return yard.changed("project")


def _is_device(scene: Scene) -> bool:
    path = scene.yard.lane / "disk"
    return path.exists() and stat.S_ISBLK(path.stat().st_mode)


def _is_setuid(scene: Scene) -> bool:
    path = scene.yard.lane / "rights"
    return path.exists() and bool(path.stat().st_mode & stat.S_ISUID)


ATTACKS = (
    _write("home", "append to `~/.bashrc`", _append(".bashrc"), ".bashrc"),
    _write("home-new", "make a new file in the home", "open(place['home'] + '/.profile', 'w').write('x')", ".profile"),
    _write("delete", "delete the ssh key", "os.remove(place['files']['.ssh/id_ed25519'])", ".ssh"),
    _write("rename", "rename `~/.ssh`", "os.rename(place['home'] + '/.ssh', place['home'] + '/.old')", ".ssh"),
    _write("truncate", "empty the journal by its path", "os.truncate(place['files']['project/.l2mac/run.db'], 0)",
           "project/.l2mac"),
    _write("chmod", "open the ssh key to everyone", "os.chmod(place['files']['.ssh/id_ed25519'], 0o666)", ".ssh"),
    _write("utime", "set back the time of a file outside", "os.utime(place['files']['.bashrc'], (0, 0))", ".bashrc"),
    _write("git-history", "move the trunk's branch", _append("project/.git/refs/heads/main"), "project/.git"),
    _write("git-hook", "leave a hook in the trunk", _append("project/.git/hooks/pre-commit"), "project/.git"),
    _write("trunk", "change the trunk", _append("project/code.py"), "project/code.py"),
    _write("order", "give the machine an order", "open(place['orders'] + '/1.json', 'w').write('{}')",
           "project/.l2mac/orders"),
    _write("other-lane-write", "change another lane", _append(".l2mac/lanes/run/1/other.py"), ".l2mac/lanes/run/1"),
    _write("environment", "change the project's environment, which it may read",
           _append(".l2mac/environments/e/site.py"), ".l2mac/environments"),
    _write("temporary", "write to a temporary folder of the host's",
           "open(place['temporary'] + '/note', 'a').write('x')", "/tmp"),
    _write("dev-shm-write", "write to the host's `/dev/shm`",
           "open(place['shared'] + '/segment', 'a').write('x')", "/dev/shm"),
    Attack(
        id="system",
        does="write to `/usr`",
        effect="it is changed",
        script="os.mkdir(place['system'])",
        through=lambda scene: scene.yard.system.exists(),
        users=("root",),
    ),
    _write("symlink-write", "write outside through a symlink in the lane",
           "os.symlink(place['files']['.bashrc'], 'link'); open('link', 'a').write('x')", ".bashrc"),
    _write("hard-link-write", "write outside through a hard link in the lane",
           "os.link(place['files']['.bashrc'], 'link'); open('link', 'a').write('x')", ".bashrc"),
    Attack(
        id="symlink-read-back",
        does="put a symlink to a secret in place of a file, for the machine to read back",
        effect="the secret comes with the files",
        script="os.remove('notes.txt'); os.symlink(place['files']['.ssh/id_ed25519'], 'notes.txt')",
        through=_read_back,
        none_holds=True,
    ),
    Attack(
        id="symlink-lay-out",
        does="put a symlink in place of a folder, for the machine to write through",
        effect="the trunk is changed",
        script="os.symlink(place['home'] + '/project/.git/hooks', 'out')",
        through=_laid_out,
        none_holds=True,
    ),
    Attack(
        id="device",
        does="make a device node, for the disk below the files",
        effect="the node stands in the lane",
        script="os.mknod('disk', 0o060666, os.stat(place['home']).st_dev)",
        through=_is_device,
        users=("root",),
    ),
    Attack(
        id="setuid",
        does="leave a program that runs with its owner's rights",
        effect="it stands in the lane",
        script="open('rights', 'w').close(); os.chmod('rights', 0o4755)",
        through=_is_setuid,
    ),
)  # fmt: skip
