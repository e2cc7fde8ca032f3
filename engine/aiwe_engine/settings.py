"""The settings of an engine: one table of section, type, default, meaning and range.

The dataclass is the table; `ROWS` reads it for whoever shows or fills it: the documentation, the
command line, `aiwe.toml`, environment variables and the server extension. Sizes are bytes, times
are seconds. A field's name without its section's is its key: `log_limit` is `log.limit`,
`body_limit` of the section http is `http.body_limit`. Every setting is read somewhere, and a test
shows it bind. How a row is written is in `rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType

from aiwe_engine import checks
from aiwe_engine.openid import Provider
from aiwe_engine.rates import rule
from aiwe_engine.rows import GB, KB, MB, Row, choice, count, row, several, size, text, time

__all__ = ["GB", "KB", "MB", "ROWS", "SECTIONS", "Row", "Settings", "contradictions", "most_files"]

SECTIONS = {
    "server": "Where apps are served",
    "http": "Requests and answers",
    "security": "What browsers are told of pages",
    "cors": "Pages of other origins",
    "limits": "What a program may use",
    "runtime": "Workers and isolates",
    "fetch": "Requests of programs to other servers",
    "session": "What `req.session` keeps of a visitor",
    "auth": "People who use apps",
    "secrets": "Keys of other services, and who used them",
    "rate": "How often somebody may call",
    "log": "What programs write to the log",
    "files": "What programs keep of uploads",
    "data": "Documents and the database",
    "assets": "Files of an app's pages",
}

WORKER, ISOLATE = 600 * MB, 14 * MB  # what they take of limits.worker_memory before anything runs


@dataclass(frozen=True, slots=True)
class Settings:
    """How one engine behaves. Immutable: a change is a new object.

    `app`: may be set for one app alone. `restart`: a change waits for the next start.
    """

    host: str = text(
        "server", "127.0.0.1", "Address on which apps are served", check=checks.host, restart=True
    )
    port: int = count(
        "server",
        8890,
        "Port on which apps are served; 0 takes any free one",
        least=0,
        most=65_535,
        restart=True,
    )
    allowed_hosts: tuple[str, ...] = several(
        "server", (), "Further host names that apps answer to", check=checks.allowed_host
    )
    grace: float = time(
        "server", 10.0, "Seconds that requests under way get when the engine stops", least=0
    )

    header_timeout: float = time("http", 10.0, "Seconds a client has to send its request's header")
    body_timeout: float = time("http", 30.0, "Seconds a client has between two pieces of a body")
    min_rate: int = size(
        "http",
        240,
        "Bytes a second that a client must send of a body or take of an answer, on the average of "
        "body_timeout; 0: one byte in that time will do",
        least=0,
    )
    idle_timeout: float = time("http", 75.0, "Seconds a connection may be idle between requests")
    connection_limit: int = count(
        "http", 10_000, "Connections at a time; more are answered with 503 and closed"
    )
    trusted_proxies: tuple[str, ...] = several(
        "http",
        (),
        "Addresses and networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed",
        check=checks.network,
    )
    body_limit: int = size("http", 10 * MB, "Largest request body", least=0, app=True)
    json_values: int = count(
        "http",
        200_000,
        "Values that a JSON body may have, its lists and objects included",
        app=True,
    )
    form_fields: int = count("http", 1000, "Fields that a form may have", app=True)
    form_files: int = count("http", 100, "Files that a form may have", app=True)
    form_field_limit: int = size(
        "http", 1 * MB, "Largest text field of a form with files", app=True
    )
    form_text_limit: int = size("http", 4 * MB, "Text of all fields of a form with files", app=True)
    form_header_limit: int = size("http", 8 * KB, "Largest header of a part of a form", app=True)
    response_limit: int = size("http", 10 * MB, "Largest answer of a handler", app=True)
    openapi: bool = row(
        "http",
        default=True,
        meaning="Whether apps tell their API at /openapi.json and /docs",
        app=True,
    )
    compression: tuple[str, ...] = several(
        "http",
        checks.CODINGS,
        "Codings that answers may have, the preferred one first; none: they are not compressed",
        check=checks.coding,
        app=True,
    )
    compress_min: int = size(
        "http", 1 * KB, "Smallest answer that is compressed", least=0, app=True
    )

    security_csp: str = text(
        "security",
        "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob: https:; font-src 'self' data: https:; "
        "media-src 'self' data: blob: https:; connect-src 'self'; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'self'",
        "Content-Security-Policy of pages that set none themselves; empty: none",
        check=checks.one_line,
        app=True,
    )
    security_hsts: float = time(
        "security",
        0.0,
        "Seconds for which browsers, told so over https, use nothing else; 0: they are not told",
        least=0,
        app=True,
    )

    cors_origins: tuple[str, ...] = several(
        "cors",
        (),
        "Origins whose pages may read answers: https://example.org, https://*.example.org, or *",
        check=checks.origin,
        app=True,
    )
    cors_methods: tuple[str, ...] = several(
        "cors",
        ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        "Methods that such pages may use",
        check=checks.token,
        app=True,
    )
    cors_headers: tuple[str, ...] = several(
        "cors",
        ("*",),
        "Request headers that such pages may send; *: any that they ask for",
        check=checks.token,
        app=True,
    )
    cors_expose: tuple[str, ...] = several(
        "cors", (), "Further answer headers that such pages may read", check=checks.token, app=True
    )
    cors_credentials: bool = row(
        "cors", default=False, meaning="Whether requests of such pages may carry cookies", app=True
    )
    cors_max_age: float = time(
        "cors", 600.0, "Seconds for which browsers remember what is allowed", least=0, app=True
    )

    cpu_limit: float = time("limits", 1.0, "Seconds of CPU one turn of a handler may use", app=True)
    deadline: float = time("limits", 5.0, "Seconds a handler may take, waiting included", app=True)
    stream_timeout: float = time(
        "limits",
        60.0,
        "Seconds a streamed answer may go without a piece that the client takes",
        app=True,
    )
    streams: int = count(
        "limits",
        1000,
        "Streamed answers of one app open at a time, files that it sends included; more are answered 503",
        most=1_000_000,
        app=True,
    )
    cell_cpu_limit: float = time(
        "limits", 30.0, "Seconds of CPU a notebook cell may use at a stretch", app=True
    )
    load_cpu_limit: float = time(
        "limits", 5.0, "Seconds of CPU a program may use while it loads", app=True
    )
    heap_limit: int = size("limits", 64 * MB, "V8 heap of one isolate", least=8 * MB)
    buffer_limit: int = size(
        "limits",
        128 * MB,
        "ArrayBuffer bytes one isolate may hold outside its heap",
        least=1 * MB,
    )
    worker_memory: int = size(
        "limits", 1024 * MB, "RLIMIT_DATA of a worker process", least=512 * MB
    )
    stack_size: int = count("limits", 500, "V8 stack of an isolate, in KB", least=100, most=4000)

    isolation: str = choice(
        "runtime",
        "shared",
        "'shared': isolates serve many requests; 'request': one each",
        ("shared", "request"),
        app=True,
    )
    isolates: int = count(
        "runtime",
        16,
        "Isolates of one version at a time where each request has one of its own; more requests wait",
        most=10_000,
        app=True,
    )
    runtime_queue: int = count(
        "runtime",
        5000,
        "Requests of one app that may wait for their answer at a time, in its isolates or for one; more "
        "are answered 503",
        app=True,
    )
    workers: int = count(
        "runtime",
        64,
        "Worker processes at a time: one for each app that is in use and each open notebook, and the spares",
        least=2,
        most=10_000,
    )
    confinement: str = choice(
        "runtime",
        "auto",
        "Whether workers give up files, network and other processes (Landlock, seccomp): 'auto': as far "
        "as the system can; 'require': nothing starts without; 'off': they do not",
        ("auto", "require", "off"),
        restart=True,
    )
    kill_grace: float = time("runtime", 1.0, "Seconds a stuck worker gets before it is killed")
    worker_idle: float = time("runtime", 300.0, "Seconds after which an unused worker is ended")
    spare_workers: int = count(
        "runtime",
        1,
        "Started workers kept ready for the next app or crash",
        least=0,
        most=100,
    )
    compile_idle: float = time(
        "runtime", 20.0, "Seconds after which an unused compile worker is ended"
    )
    compile_cache: int = size(
        "runtime",
        64 * MB,
        "Compiled pieces of programs kept on disk; what was not used longest goes first",
        least=0,
        restart=True,
    )

    fetch_allow_private: tuple[str, ...] = several(
        "fetch",
        (),
        "What fetch may reach although it is not on the public internet: host:port, host:*, [::1]:port",
        check=checks.host_port,
        app=True,
    )
    fetch_timeout: float = time(
        "fetch",
        30.0,
        "Seconds in which an answer must begin, and go on, where fetch names no timeout",
        app=True,
    )
    fetch_redirects: int = count(
        "fetch", 20, "Redirects that one fetch follows", least=0, most=100, app=True
    )
    fetch_request_limit: int = size("fetch", 128 * MB, "Largest body that is sent", app=True)
    fetch_response_limit: int = size(
        "fetch", 128 * MB, "Largest body of an answer, decompressed", app=True
    )
    fetch_concurrency: int = count(
        "fetch", 32, "Requests of one invocation under way at a time; another waits", app=True
    )
    fetch_app_concurrency: int = count(
        "fetch",
        128,
        "Requests of all invocations of one app under way at a time; another waits",
        app=True,
    )
    fetch_connections: int = count("fetch", 256, "Connections open at a time", app=True)
    fetch_proxy: str = text(
        "fetch",
        "",
        "Proxy: http://user:password@host:port",
        check=checks.proxy,
        app=True,
        shown=False,
    )
    fetch_no_proxy: tuple[str, ...] = several(
        "fetch",
        (),
        "Hosts that are reached without the proxy: names with all below them, networks, *",
        check=checks.unproxied,
        app=True,
    )
    fetch_ca_file: str = text(
        "fetch",
        "",
        "File of certificates of further authorities to trust, in PEM form",
        check=checks.certificates,
        app=True,
    )

    session_idle: float = time(
        "session", 86_400.0, "Seconds after which a session that is not used ends", app=True
    )
    session_lifetime: float = time(
        "session", 14 * 86_400.0, "Seconds after which a session ends in any case", app=True
    )
    session_limit: int = size("session", 64 * KB, "Bytes that one session may hold", app=True)

    auth_password_length: int = count(
        "auth", 8, "Characters that a password must have", most=256, app=True
    )
    auth_lockout: float = time(
        "auth",
        900.0,
        "Seconds that somebody waits at most between two tries, after many that failed",
        least=1,
        app=True,
    )
    auth_password_queue: int = count(
        "auth",
        100,
        "Passwords that may be checked or wait for it at a time, half of them of one address; who comes then "
        "is answered 503",
        most=100_000,
    )
    auth_registrations: str = text(
        "auth",
        "300/hour",
        "How many accounts one address may make, for each app; no limit where it is empty",
        check=rule.check,
        app=True,
    )
    auth_issuer: str = text(
        "auth",
        "",
        "What an app's tokens name as their issuer, a URL; empty: http://APP--ENV.localhost",
        check=checks.url,
        app=True,
    )
    auth_audiences: tuple[str, ...] = several(
        "auth",
        (),
        "Audiences of tokens that an app takes besides itself",
        check=checks.one_line,
        app=True,
    )
    auth_token_lifetime: float = time(
        "auth",
        3600.0,
        "Seconds that a token is good for where nobody says",
        least=1,
        app=True,
    )
    auth_token_longest: float = time(
        "auth", 30 * 86_400.0, "Seconds that a token may be good for", least=1, app=True
    )
    auth_key_rotation: float = time(
        "auth",
        30 * 86_400.0,
        "Seconds after which the key that signs an app's tokens is followed by a new one",
        least=60,
        app=True,
    )
    auth_provider_timeout: float = time(
        "auth", 10.0, "Seconds in which a provider of OpenID Connect must answer", app=True
    )
    #: By whom people sign in: `[auth.providers.NAME]`, tables and so no row; see `openid`.
    auth_providers: tuple[Provider, ...] = ()

    secrets_audit_time: float = time(
        "secrets", 90 * 86_400.0, "Seconds for which it is kept who used and changed secrets"
    )
    secrets_audit_limit: int = count(
        "secrets",
        100_000,
        "Uses of secrets that are kept at most, the latest; changes are kept for audit_time",
        most=10_000_000,
    )
    secrets_matches: str = text(
        "secrets",
        "600/min",
        "How often one address may have Secrets.matches compare, for each app; no limit where it is empty",
        check=rule.check,
        app=True,
    )

    rate_limit: str = text(
        "rate",
        "",
        "What each caller may ask of an app, as in '600/min'; none where it is empty",
        check=rule.check,
        app=True,
    )
    rate_subjects: int = count(
        "rate", 50_000, "Callers counted at a time, a kilobyte each at most", restart=True
    )

    log_limit: int = size(
        "log", 256 * KB, "Log text of one invocation; what is over is cut", least=0, app=True
    )
    log_rate: int = size(
        "log",
        10 * MB,
        "Log text that one app may write in a minute, and 100 bytes for each line; what is over is dropped",
        app=True,
    )
    log_lines: int = count(
        "log", 10_000, "Log lines kept in memory for %logs and the lab", most=10_000_000
    )
    log_memory: int = size(
        "log",
        32 * MB,
        "Text of the log lines kept in memory; where it is full, lines of the app that has most go",
    )
    log_audit: int = size(
        "log",
        10 * MB,
        "Each of the two files that tell who did what through the management API; older lines go",
        least=KB,
    )

    data_url: str = text(
        "data",
        "",
        "PostgreSQL database that keeps the documents, as postgresql://user:password@host/name; "
        "empty: a file in the data folder",
        check=checks.database,
        restart=True,
        shown=False,
    )
    data_connections: int = count(
        "data",
        20,
        "Connections to PostgreSQL at a time; transactions may hold half of them",
        least=2,
        most=10_000,
        restart=True,
    )
    data_limit: int = size(
        "data", 20 * GB, "Bytes that the whole data folder may hold; 0: any number", least=0
    )
    data_app_limit: int = size(
        "data",
        5 * GB,
        "Bytes of documents that one app may keep in each environment; 0: any number",
        least=0,
        app=True,
    )
    data_collections: int = count(
        "data", 1000, "Collections that one app may have in one environment", most=1_000_000
    )
    document_limit: int = size("data", 1 * MB, "Largest document")
    result_limit: int = size("data", 32 * MB, "Bytes of documents that one query may find")
    query_limit: float = time("data", 10.0, "Seconds that one query may take")
    document_cache: int = size(
        "data", 32 * MB, "Documents kept in memory for reads by id", least=0, restart=True
    )
    transaction_memory: int = size(
        "data", 256 * MB, "Documents that all open transactions together may hold in memory"
    )
    database_memory: int = size(
        "data", 1024 * MB, "Memory that the database may use", least=32 * MB, restart=True
    )
    database_temp: int = size(
        "data",
        1 * GB,
        "Disk that the database may use for what does not fit into its memory, such as a large sort",
        restart=True,
    )
    database_threads: int = count("data", 2, "Threads of the database", most=256, restart=True)

    files_limit: int = size("files", 10 * GB, "Bytes of files that one app may keep", app=True)

    assets_max_age: float = time(
        "assets",
        3600.0,
        "Seconds for which a browser need not ask for an asset again; in dev it always asks",
        least=0,
        app=True,
    )
    assets_limit: int = size(
        "assets", 100 * MB, "Largest asset that is written or uploaded", app=True
    )
    assets_total: int = size(
        "assets", 1024 * MB, "Bytes of written and uploaded assets of one app", app=True
    )
    assets_cache: int = size(
        "assets", 32 * MB, "Compressed copies of assets kept in memory", least=0, restart=True
    )


#: The table, by the name of the attribute.
ROWS: Mapping[str, Row] = MappingProxyType(
    {
        one.name: Row(one.name, default=one.default, **one.metadata)
        for one in fields(Settings)
        if one.metadata
    }
)


def most_files(limit: int) -> int:
    """How many files may be kept where so many bytes may: empty ones take room on a disk as well."""
    return max(1000, limit // (4 * KB))


def contradictions(settings: Settings) -> list[tuple[tuple[str, ...], str]]:
    """What cannot be meant together: the attributes, the likeliest mistake first, and a sentence."""
    found: list[tuple[tuple[str, ...], str]] = []
    names: tuple[str, ...]
    if "*" in settings.cors_origins and settings.cors_credentials:
        names = ("cors_credentials", "cors_origins")
        said = "cors.credentials with * in cors.origins would let every site act for a user"
        found.append((names, f"{said}. Name the origins."))
    if settings.heap_limit + settings.buffer_limit > settings.worker_memory:
        names = ("worker_memory", "heap_limit", "buffer_limit")
        said = "limits.heap_limit and limits.buffer_limit together are more than"
        found.append((names, f"{said} limits.worker_memory, which a whole worker may use."))
    alone = settings.isolates if settings.isolation == "request" else 0
    if alone and WORKER + alone * ISOLATE > settings.worker_memory:
        names = ("isolates", "worker_memory", "isolation")
        said = (
            f"runtime.isolates is {alone}, and so many isolates that a request has for itself need"
        )
        needed = (WORKER + alone * ISOLATE) // MB
        found.append((names, f"{said} {needed}MB at least: raise limits.worker_memory."))
    return found
