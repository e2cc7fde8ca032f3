"""What a program declares of a collection: `DataRepository.define`.

A definition is checked when it is made and holds for every write from then on, whoever writes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Definition:
    """The rules of one collection.

    Attributes:
        tenant: documents belong to the tenant of whoever made them, and others do not see them.
        owner: the same of the user.
    """

    tenant: bool = False
    owner: bool = False


#: Of a collection of which nothing is declared.
PLAIN = Definition()
