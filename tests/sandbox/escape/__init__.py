"""The escape suite: hostile code on every rung of the ladder, judged by its effect on the host.

`attack` says what an attack is, the modules named in `attacks` hold them. A `yard` is what the attacker is after: a
home with secrets, a trunk, lanes, listeners, a victim, a terminal. A `host` is the machine in small: a process of its
own, as root or as a plain user, that runs commands on one rung. `table` looks at the host's processes from outside.
"""
