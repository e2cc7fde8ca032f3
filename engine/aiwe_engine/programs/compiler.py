"""Programs from sources: each piece is compiled in a V8 process, and its result kept by content.

What comes out is `types.Compiled`: a script that defines the piece, with its source map and the names
it uses. Compiling runs nothing of the author's. Results are found again by a hash of all that goes
in, in memory and, given a folder, on disk: a server whose programs are known starts no process.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from aiwe_engine import bundles
from aiwe_engine.errors import EngineError, ProgramError
from aiwe_engine.programs.parts import select
from aiwe_engine.programs.process import BundleProcess, ProcessLost
from aiwe_engine.programs.resolve import Folder, OutsideFolder, resolve
from aiwe_engine.programs.stack import excerpt
from aiwe_engine.settings import MB, Settings
from aiwe_engine.types import Asset, Compiled, Program, Source, Where

TIME_LIMIT = 5.0
STARTUP = 10.0
MEMORY, HEAVY = 1024 * MB, 256 * MB
KEPT = 2000
NO_PACKAGES = (
    'Import other files of the same folder by a relative path, as in import { f } from "./lib.js".'
    " There are no packages and no node modules here."
)


class Compiler:
    """Compiles programs. An asynchronous context manager; `close` ends its process.

    Args:
        settings: `compile_idle` and `compile_cache` are read.
        cache: a folder for results; made when needed.
        time_limit: seconds that one piece may take.
    """

    def __init__(
        self, settings: Settings, *, cache: Path | None = None, time_limit: float = TIME_LIMIT
    ) -> None:
        self._cache, self._cache_limit = cache, settings.compile_cache
        self._time_limit = time_limit
        self._kept: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self.process = BundleProcess(
            [bundles.FOLDER / "compiler.js"],
            memory=MEMORY,
            heavy=HEAVY,
            idle=settings.compile_idle,
            confined=settings.confinement != "off",
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the process."""
        await self.process.close()

    async def compile(self, sources: Sequence[Source], *, files: Folder | None = None) -> Program:
        """A program of these pieces and of the files that they import out of `files`.

        Raises:
            ProgramError: a piece does not parse, or imports what is not there.
        """
        found = {source.name: source for source in sources}
        compiled: dict[str, Compiled] = {}
        waiting = list(sources)
        while waiting:
            source = waiting.pop(0)
            known = frozenset(name for name, other in found.items() if other.cell is None)
            piece = await self._piece(source, known, files, module=False)
            compiled[source.name] = piece
            for name in piece.imports:
                if name not in found and files is not None:
                    found[name] = Source(name, files.read(name), file=str(files.root / name))
                    waiting.append(found[name])
        known = frozenset(found)
        for name in {name for piece in compiled.values() for name in piece.imports}:
            if not compiled[name].module:
                compiled[name] = await self._piece(found[name], known, files, module=True)
        pieces = tuple(compiled.values())
        return Program(program_id(pieces), tuple(found[piece.name] for piece in pieces), pieces)

    async def compile_one(self, source: Source, modules: Iterable[str] = frozenset()) -> Compiled:
        """One piece, which may import those named in `modules`.

        Raises:
            ProgramError: it does not parse, or imports what is not there.
        """
        return await self._piece(source, frozenset(modules), None, module=False)

    async def _piece(
        self, source: Source, known: frozenset[str], files: Folder | None, *, module: bool
    ) -> Compiled:
        job: dict[str, Any] = {
            "text": source.text,
            "name": source.name,
            "cell": source.cell is not None,
            "module": module,
            "resolved": {},
        }
        answer = await self._answer(job, source)
        if "unresolved" in answer:
            job["resolved"] = {
                link["specifier"]: resolve_link(link, source, known, files)
                for link in answer["unresolved"]
            }
            answer = await self._answer(job, source)
        return to_compiled(answer)

    async def _answer(self, job: dict[str, Any], source: Source) -> dict[str, Any]:
        key = hashlib.sha256(self._version + orjson.dumps(job)).hexdigest()
        answer = self._recall(key)
        if answer is None:
            answer = await self._ask(job, source)
            self._keep(key, answer)
        if "error" in answer:
            error = answer["error"]
            raise complaint(
                error["message"],
                code=error["code"],
                hint=error["hint"],
                source=source,
                place=error,
                name="SyntaxError",
            )
        return answer

    async def _ask(self, job: dict[str, Any], source: Source) -> dict[str, Any]:
        limit = self._time_limit if self.process.pid else self._time_limit + STARTUP
        try:
            answer: dict[str, Any] = await self.process.ask(job, limit)
        except ProcessLost as lost:
            where = Where(file=source.file, cell=source.cell)
            if lost.timed_out:
                raise ProgramError(
                    f"{source.name} took longer than {self._time_limit:g} s to compile",
                    code="compile_timeout",
                    hint="Split it into smaller cells or files; keep large data in assets.",
                    where=where,
                ) from None
            raise EngineError(
                f"The compile process ended while it compiled {source.name}",
                code="compile_failed",
                hint="Split it into smaller cells or files; keep large data in assets.",
                where=where,
            ) from None
        return answer

    @cached_property
    def _version(self) -> bytes:
        return hashlib.sha256(bundles.read("compiler.js").encode()).digest()

    def _recall(self, key: str) -> dict[str, Any] | None:
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if self._cache is None:
            return None
        try:
            answer: dict[str, Any] = orjson.loads((self._cache / f"{key}.json").read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return None
        with suppress(OSError):
            os.utime(self._cache / f"{key}.json")  # it is used
        self._remember(key, answer)
        return answer

    def trim(self) -> None:
        """Deletes what was not used longest, until the cache on disk is within its limit. Blocks."""
        if self._cache is None or not self._cache.is_dir():
            return
        with suppress(OSError):
            entries = [(path.stat(), path) for path in self._cache.iterdir()]
            size = sum(about.st_size for about, _ in entries)
            for about, path in sorted(entries, key=lambda entry: entry[0].st_mtime_ns):
                if size <= self._cache_limit:
                    return
                path.unlink(missing_ok=True)
                size -= about.st_size

    def _keep(self, key: str, answer: dict[str, Any]) -> None:
        self._remember(key, answer)
        if self._cache is None or "error" in answer:
            return
        with suppress(OSError):  # a cache that cannot be written costs time and nothing else
            self._cache.mkdir(parents=True, exist_ok=True)
            path = self._cache / f"{key}.json"
            path.with_suffix(".new").write_bytes(orjson.dumps(answer))
            path.with_suffix(".new").replace(path)

    def _remember(self, key: str, answer: dict[str, Any]) -> None:
        self._kept[key] = answer
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)


def program_id(pieces: Iterable[Compiled], assets: Iterable[Asset] = ()) -> str:
    """What names a program: 12 hex digits of a hash over its pieces and assets, in their order."""
    digest = hashlib.sha256()
    texts = [text for piece in pieces for text in (piece.name, piece.code)]
    datas = [text.encode("utf-8", "surrogatepass") for text in texts]
    for asset in assets:
        datas += [b"asset", asset.path.encode("utf-8", "surrogatepass"), asset.content]
    for data in datas:
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:12]


def resolve_link(
    link: dict[str, Any], source: Source, known: frozenset[str], files: Folder | None
) -> str:
    """The name of the piece that an import means; a dynamic one may stay as it is.

    Raises:
        ProgramError: there is no such piece, or it lies outside of the program's folder.
    """
    specifier = link["specifier"]

    def exists(name: str) -> bool:
        return name in known or (files is not None and files.exists(name))

    importer = source.name if source.cell is None else ""
    try:
        name = resolve(specifier, importer, exists)
    except OutsideFolder:
        raise complaint(
            f'{source.name} imports "{specifier}", which lies outside of the program\'s folder',
            code="module_outside",
            hint="Move the file into the folder of the notebook or of the app's files.",
            source=source,
            place=link,
        ) from None
    if name is not None:
        return name
    if link["dynamic"]:
        return str(specifier)
    raise complaint(
        f'{source.name} imports "{specifier}", which is not part of this program',
        code="module_not_found",
        hint=near_files(specifier, known),
        source=source,
        place=link,
    )


def near_files(specifier: str, known: frozenset[str]) -> str:
    """A hint that says what could be imported."""
    if not specifier.startswith("."):
        return NO_PACKAGES
    if not known:
        return f'There is no file "{specifier}" beside it.'
    return f"Files of this program: {', '.join(sorted(known)[:10])}."


def complaint(
    message: str,
    *,
    code: str,
    hint: str,
    source: Source,
    place: dict[str, Any],
    name: str = "Error",
) -> ProgramError:
    """An error at a place of a source, with its excerpt."""
    line, column = place["line"], place["column"]
    where = Where(source.file, source.cell, line, column)
    error = ProgramError(message, code=code, hint=hint, where=where, name=name)
    error.excerpt = excerpt(source.text, line, column)
    return error


def to_compiled(answer: dict[str, Any]) -> Compiled:
    """The compiler's answer as a value; lists become tuples."""
    values: dict[str, Any] = {
        key: tuple(item) if isinstance(item, list) else item for key, item in answer.items()
    }
    values["declares"] = {name: tuple(uses) for name, uses in answer["declares"].items()}
    return Compiled(**values)


def of_notebook(program: Program, assets: tuple[Asset, ...]) -> Program:
    """What of a notebook is part of the app, as far as its text tells."""
    pieces = select(program.pieces)
    pairs = zip(program.sources, program.pieces, strict=True)
    sources = tuple(source for source, piece in pairs if piece in pieces)
    return Program(program_id(pieces, assets), sources, pieces, assets)
