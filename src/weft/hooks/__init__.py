"""Hook chains: providers in order, called by the mode that each method declares. Pure: no transport in here."""

from weft.errors import UnknownHook
from weft.hooks.chain import compile_chain
from weft.hooks.hook import Hook, Implementation
from weft.hooks.order import Place, arrange
from weft.hooks.registry import Chains, Hooks

__all__ = ["Chains", "Hook", "Hooks", "Implementation", "Place", "UnknownHook", "arrange", "compile_chain"]
