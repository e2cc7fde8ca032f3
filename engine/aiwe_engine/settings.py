"""The settings of an engine: one table of name, type, default and meaning.

The dataclass is the table: `fields(Settings)` feeds the documentation, the command line and the
server extension. Sizes are bytes, times are seconds. Every setting is read somewhere, and a test
shows it bind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

KB, MB = 1024, 1024 * 1024


def _setting(default: object, meaning: str) -> Any:
    return cast(Any, field(default=default, metadata={"help": meaning}))


@dataclass(frozen=True, slots=True)
class Settings:
    """How one engine behaves. Immutable: a change is a new object."""

    host: str = _setting("127.0.0.1", "Address on which apps are served")
    port: int = _setting(8890, "Port on which apps are served; 0 takes any free one")
    allowed_hosts: tuple[str, ...] = _setting((), "Further host names that apps answer to")
    header_timeout: float = _setting(10.0, "Seconds a client has to send its request's header")
    body_timeout: float = _setting(30.0, "Seconds a client has between two pieces of a body")
    idle_timeout: float = _setting(75.0, "Seconds a connection may be idle between requests")
    body_limit: int = _setting(10 * MB, "Largest request body")
    response_limit: int = _setting(10 * MB, "Largest answer of a handler")
    grace: float = _setting(10.0, "Seconds that requests under way get when the engine stops")

    cpu_limit: float = _setting(1.0, "Seconds of CPU one turn of a handler may use")
    deadline: float = _setting(5.0, "Seconds a handler may take, waiting included")
    cell_cpu_limit: float = _setting(30.0, "Seconds of CPU a notebook cell may use at a stretch")
    load_cpu_limit: float = _setting(5.0, "Seconds of CPU a program may use while it loads")
    heap_limit: int = _setting(64 * MB, "V8 heap of one isolate")
    buffer_limit: int = _setting(
        128 * MB, "ArrayBuffer bytes one isolate may hold outside its heap"
    )
    worker_memory: int = _setting(1024 * MB, "RLIMIT_DATA of a worker process")
    stack_size: int = _setting(500, "V8 stack of an isolate, in KB")
    log_limit: int = _setting(256 * KB, "Log text of one invocation; what is over is cut")
    log_lines: int = _setting(10_000, "Log lines kept in memory for %logs and the lab")
    isolation: str = _setting(
        "shared", "'shared': isolates serve many requests; 'request': one each"
    )
    kill_grace: float = _setting(1.0, "Seconds a stuck worker gets before it is killed")
    worker_idle: float = _setting(300.0, "Seconds after which an unused worker is ended")
    spare_workers: int = _setting(1, "Started workers kept ready for the next app or crash")
    compile_idle: float = _setting(20.0, "Seconds after which an unused compile worker is ended")

    document_limit: int = _setting(1 * MB, "Largest document")
    result_limit: int = _setting(32 * MB, "Bytes of documents that one query may find")
    query_limit: float = _setting(10.0, "Seconds that one query may take")
    document_cache: int = _setting(32 * MB, "Documents kept in memory for reads by id")
    database_memory: int = _setting(256 * MB, "Memory that the database may use")
    database_threads: int = _setting(2, "Threads of the database")
