"""How a check ends when it does not pass."""

from __future__ import annotations


class CheckFailed(Exception):
    """The promise does not hold; the message says what was seen, and the next step where there is one."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CheckSkipped(Exception):
    """This place cannot show it; the message says why."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
