"""What is wrong with a configuration: all of it at once, each mistake with its source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from aiwe_engine.errors import EngineError


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        source: the file, environment variable or option.
        key: the setting that is meant, as far as that is known: `http.body_limit`.
        message: what is wrong and what was expected.
    """

    source: str
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.source}, {self.key}" if self.key else self.source
        return f"{place}: {self.message}"


class InvalidConfiguration(EngineError):
    """The configuration has mistakes; `details` lists every one as {source, key, message}."""

    code = "invalid_configuration"
    status = 500

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        count = len(mistakes)
        super().__init__(
            "The configuration has a mistake."
            if count == 1
            else f"The configuration has {count} mistakes.",
            hint="docs/settings.md lists every setting; `aiwe config` shows what is in effect.",
            details=[asdict(mistake) for mistake in mistakes],
        )
        self.mistakes = tuple(mistakes)


def suggest(name: str, names: Iterable[str]) -> str:
    """Ends a sentence about an unknown name with the one that was probably meant."""
    from difflib import get_close_matches

    known = list(names)
    begun = [one for one in known if len(name) > 2 and one.startswith(name)]
    close = begun or get_close_matches(name, known, 1)
    return f" Did you mean {close[0]}?" if close else ""
