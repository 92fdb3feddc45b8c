"""Public doubles: a processor that follows a script, and a provider on this computer as strict as the real one."""

from .loopback import Failure, LoopbackProvider
from .scripted import ScriptedProcessor, calls, says

__all__ = ["Failure", "LoopbackProvider", "ScriptedProcessor", "calls", "says"]
