"""The parser of the command line: of commands that take a secret or a password, it repeats no argument."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

_REPEATED = (
    (re.compile(r"invalid choice: .* \(choose from", re.DOTALL), "invalid choice (choose from"),
    (re.compile(r"(invalid \S+ value): .*", re.DOTALL), r"\1"),
    (re.compile(r"(ignored explicit argument) .*", re.DOTALL), r"\1"),
)


class Parser(argparse.ArgumentParser):
    """As argparse has it, and for what it calls subcommands too.

    Attributes:
        asks_for: what the command, or one below it, takes from standard input, in a few words. Who gives
            that as an argument has put it where others can read it, and an error must not do so again.
            Empty: nothing.
    """

    asks_for = ""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """As argparse has it; what a command that asks does not know is an error here, not further up."""
        known, unknown = super().parse_known_args(args, namespace)
        if unknown and self.asks_for:
            self.error(self._unknown(unknown))
        return known, unknown

    def error(self, message: str) -> NoReturn:
        """As argparse has it; nothing that was given is repeated where a command asks."""
        if self.asks_for:
            for pattern, short in _REPEATED:
                message = pattern.sub(short, message)
        super().error(message)

    def _unknown(self, arguments: list[str]) -> str:
        options = [name for name in self._option_string_actions if name.startswith("--")]
        for one in arguments:
            close = get_close_matches(one.partition("=")[0], options, 1)
            if one.startswith("--") and close:
                return f"an option is not known here: did you mean {close[0]}?"
        return (
            f"there are arguments that it does not take. {self.asks_for} is never an argument: it comes from "
            "standard input, as in < FILE, or is asked for. Arguments can be read by others, and stay in the "
            "shell's history"
        )
