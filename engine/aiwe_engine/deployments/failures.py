"""Errors in the author's terms: places, frames and excerpts out of a V8 stack, and near names."""

from __future__ import annotations

import re
from dataclasses import asdict
from difflib import get_close_matches

from aiwe_engine.errors import AiweError
from aiwe_engine.programs.stack import author_stack, excerpt, frames
from aiwe_engine.runtime.parts import members, platform_names
from aiwe_engine.types import Program, Where

_NO_FUNCTION = re.compile(r"^([\w$]+)\.([\w$]+) is not a function$")
# What programs name that were written with node or a browser in mind.
_KEYS = (
    'Keys of other services are secrets: store one with `aiwe secrets set` and use it by Secrets.get("its_id"). '
    "The environment is app.env, other values of the configuration are app.config."
)
_FOREIGN = {
    "Buffer": "Use Uint8Array, with TextEncoder and TextDecoder for text and toBase64() for base64.",
    "process": _KEYS,
    "Deno": _KEYS,
    "Bun": _KEYS,
    "bcrypt": "Auth.register and Auth.login keep passwords: hashed by argon2id, with a lockout.",
    "argon2": "Auth.register and Auth.login keep passwords: hashed by argon2id, with a lockout.",
    "jwt": "Auth.issueToken and Auth.verifyToken make and check tokens, with keys that the engine keeps.",
    "express": "There is an app already: write app.get(path, handler).",
    "require": "Import files of the same folder by a relative path; there are no packages here.",
    "module": "Write export, and import files of the same folder by a relative path.",
    "exports": "Write export, and import files of the same folder by a relative path.",
    "__dirname": "There are no files of the machine here: use Assets, Files or DataRepository.",
    "window": "Handlers run in the engine, not in a page: send a page that holds the script.",
    "document": "Handlers run in the engine, not in a page: send a page that holds the script.",
    "localStorage": "Use req.session for a visitor's values and DataRepository for data.",
    "XMLHttpRequest": "Use fetch.",
}
_UNDEFINED = re.compile(r"^([\w$]+) is not defined$")


def explain(error: AiweError, program: Program) -> AiweError:
    """The same error with `where`, `frames`, `stack`, `excerpt` and a hint in the author's terms."""
    pieces = {piece.name: piece for piece in program.pieces}
    sources = {source.name: source for source in program.sources}
    if error.stack:
        found = frames(error.stack, pieces)
        error.stack = author_stack(error.stack, pieces)
        error.frames = [
            {**asdict(f), "file": sources[f.piece].file, "cell": sources[f.piece].cell}
            for f in found
        ]
        if found and error.where is None:
            first, source = found[0], sources[found[0].piece]
            error.where = Where(source.file or source.name, source.cell, first.line, first.column)
            error.excerpt = excerpt(source.text, first.line, first.column)
    if error.hint is None and error.name in {"ReferenceError", "TypeError"}:
        error.hint = _near(error.message, program) or _near_member(error.message)
    return error


def place(piece: str, program: Program) -> Where | None:
    """Where a piece is, when nothing is known of the line."""
    name = piece.removeprefix("init:")
    for source, compiled in zip(program.sources, program.pieces, strict=True):
        if source.name == piece or name in compiled.declares:
            return Where(source.file or source.name, source.cell)
    return None


def _near(message: str, program: Program) -> str | None:
    match = _UNDEFINED.match(message)
    if match is None:
        return None
    if match[1] in _FOREIGN:
        return _FOREIGN[match[1]]
    known = {name for piece in program.pieces for name in piece.declares} | platform_names()
    near = get_close_matches(match[1], known, 1, 0.6)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Declare {match[1]} in a cell or file of this app, above the line that uses it."


def _near_member(message: str) -> str | None:
    match = _NO_FUNCTION.match(message)
    near = get_close_matches(match[2], members(match[1]), 1, 0.6) if match else []
    return f"Did you mean {match[1]}.{near[0]}?" if match and near else None
