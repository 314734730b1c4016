"""Replaces an attribute by a hook; hooks can be removed in any order."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

Function = Callable[..., Any]


class Place:
    """An attribute of a module or class that holds a hook in place of what it held before.

    Args:
        owner: the module or class.
        name: the attribute.
        make: makes the hook, given what was there before, which the hook is to call.
    """

    def __init__(self, owner: Any, name: str, make: Callable[[Function], Function]) -> None:
        self.owner = owner
        self._name = name
        self._inherited = name not in vars(owner)
        self._before: Function = getattr(owner, name)
        # By the name of what it stands for it can be pickled, as `sys.exit` could.
        self._hook = functools.update_wrapper(make(self._before), self._before)
        self._left = False
        _held[self._hook] = self
        setattr(owner, name, self._hook)

    def in_front(self) -> bool:
        """Return whether no later hook stands in front of this one."""
        return self._front() is self

    def leave(self) -> None:
        """Put back what was there before, as soon as no later hook stands in front."""
        self._left = True
        front = self._front()
        while front is not None and front._left:
            front._put_back()
            front = self._front()

    def _front(self) -> Place | None:
        return _held.get(getattr(self.owner, self._name))

    def _put_back(self) -> None:
        del _held[self._hook]
        if self._inherited:
            delattr(self.owner, self._name)
        else:
            setattr(self.owner, self._name, self._before)


_held: dict[Function, Place] = {}
