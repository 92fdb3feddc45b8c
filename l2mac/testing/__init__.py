"""Public doubles: a processor that follows a script, and providers on this computer as strict as the real ones."""

from .anthropic import AnthropicLoopback
from .loopback import Failure, LoopbackProvider
from .scripted import ScriptedProcessor, calls, says

__all__ = ["AnthropicLoopback", "Failure", "LoopbackProvider", "ScriptedProcessor", "calls", "says"]
