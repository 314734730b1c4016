"""Replaces an attribute with a hook; hooks can be removed in any order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


class Patch:
    """An attribute of a module or class that was replaced with a hook.

    Args:
        owner: the module or class.
        name: the attribute.
        make: makes the hook; its argument is the previous value, which the hook has to call.
    """

    def __init__(self, owner: Any, name: str, make: Callable[[Function], Function]) -> None:
        self.owner = owner
        self._name = name
        self._inherited = name not in vars(owner)
        self._before: Function = getattr(owner, name)
        # With the name of the original it can be pickled, as `sys.exit` can.
        self._hook = functools.update_wrapper(make(self._before), self._before)
        self._left = False
        _held[self._hook] = self
        setattr(owner, name, self._hook)

    def in_front(self) -> bool:
        """Return whether no later hook is in front of this one."""
        return self._front() is self

    def leave(self) -> None:
        """Restore the previous value as soon as no later hook is in front."""
        self._left = True
        front = self._front()
        while front is not None and front._left:
            front._put_back()
            front = self._front()

    def _front(self) -> Patch | None:
        return _held.get(getattr(self.owner, self._name))

    def _put_back(self) -> None:
        del _held[self._hook]
        if self._inherited:
            delattr(self.owner, self._name)
        else:
            setattr(self.owner, self._name, self._before)


_held: dict[Function, Patch] = {}
