"""Which route answers: specificity, decoding, methods, and what is refused at registration."""

import pytest

from aiwe_engine.errors import AiweError, ProgramError, RequestError
from aiwe_engine.routing.table import NoSuchRoute, RouteTable, WrongMethod, conflicts
from aiwe_engine.types import Route, Where


def route(line):
    method, path = line.split(" ", 1)
    return Route(method, path, line)


def table(*lines, hints=False):
    return RouteTable([route(line) for line in lines], hints=hints)


TASKS = (
    "GET /",
    "GET /tasks",
    "POST /tasks",
    "GET /tasks/:id",
    "DELETE /tasks/:id",
    "GET /tasks/new",
    "GET /tasks/:id/notes/:note",
    "GET /files/*path",
    "GET /files/index.html",
    "* /any",
    "GET /café/menü",
    "GET /a/b/x",
    "GET /a/:p/y",
    "GET /:q/b/z",
    "GET /*rest",
)

MATCHES = [
    ("GET", "/", "GET /", {}),
    ("HEAD", "/", "GET /", {}),
    ("GET", "/tasks", "GET /tasks", {}),
    ("GET", "/tasks/", "GET /tasks", {}),
    ("POST", "/tasks", "POST /tasks", {}),
    ("GET", "/tasks/7", "GET /tasks/:id", {"id": "7"}),
    ("GET", "/tasks/7/", "GET /tasks/:id", {"id": "7"}),
    ("HEAD", "/tasks/7", "GET /tasks/:id", {"id": "7"}),
    ("GET", "/tasks/new", "GET /tasks/new", {}),
    # The static path knows no DELETE, so the next best one answers.
    ("DELETE", "/tasks/new", "DELETE /tasks/:id", {"id": "new"}),
    ("GET", "/tasks/7/notes/9", "GET /tasks/:id/notes/:note", {"id": "7", "note": "9"}),
    # Decoded once, and never a separator.
    ("GET", "/tasks/a%2Fb", "GET /tasks/:id", {"id": "a/b"}),
    ("GET", "/tasks/a%252Fb", "GET /tasks/:id", {"id": "a%2Fb"}),
    ("GET", "/tasks/%C3%A4%20%2B+", "GET /tasks/:id", {"id": "ä ++"}),
    ("GET", "/tasks/%2E%2E", "GET /tasks/:id", {"id": ".."}),
    ("GET", "/%74asks", "GET /tasks", {}),
    ("GET", "/tasks%2Fnew", "GET /*rest", {"rest": "tasks/new"}),
    ("GET", "/caf%C3%A9/men%c3%bc", "GET /café/menü", {}),
    ("GET", "/files/index.html", "GET /files/index.html", {}),
    ("GET", "/files/a/b%20c.txt", "GET /files/*path", {"path": "a/b c.txt"}),
    ("GET", "/files/a/", "GET /files/*path", {"path": "a/"}),
    ("GET", "/files/", "GET /*rest", {"rest": "files/"}),
    ("GET", "/files//x", "GET /files/*path", {"path": "/x"}),
    ("PATCH", "/any", "* /any", {}),
    ("OPTIONS", "/any", "* /any", {}),
    ("HEAD", "/any", "* /any", {}),
    # Backtracking: /a/b fits better to the left, but only the others go on to y and z.
    ("GET", "/a/b/y", "GET /a/:p/y", {"p": "b"}),
    ("GET", "/a/b/z", "GET /:q/b/z", {"q": "a"}),
    ("GET", "/Tasks", "GET /*rest", {"rest": "Tasks"}),
    ("GET", "//tasks", "GET /*rest", {"rest": "/tasks"}),
    ("GET", "/tasks//", "GET /*rest", {"rest": "tasks//"}),
]


@pytest.mark.parametrize(("method", "path", "handler", "params"), MATCHES)
def test_the_most_specific_route_answers(method, path, handler, params):
    match = table(*TASKS).match(method, path)
    assert (match.route.handler, dict(match.params)) == (handler, params)


@pytest.mark.parametrize(
    "path", ["/health", "/mcp", "/graphql/", "/auth/login", "/assets/x", "/%68ealth"]
)
def test_no_parameter_takes_a_path_that_the_engine_answers(path):
    with pytest.raises(NoSuchRoute):
        table("* /:one", "* /*rest").match("GET", path)


@pytest.mark.parametrize(
    "path", ["/task", "/tasks/7/notes", "/tasks/7/notes/", "/tasks//", "//", "/tasks/7/", "*", ""]
)
def test_an_unknown_path_is_404(path):
    routes = table("GET /tasks", "GET /tasks/:id/notes/:note")
    with pytest.raises(NoSuchRoute) as caught:
        routes.match("GET", path)
    assert (caught.value.status, caught.value.code) == (404, "no_such_route")


@pytest.mark.parametrize(
    "path", ["/x/%", "/x/%2", "/x/%zz", "/x/a%%20", "/x/%FF", "/x/%C3", "/%ED%A0%80"]
)
def test_a_bad_escape_is_400(path):
    with pytest.raises(RequestError) as caught:
        table("GET /x/:id", "GET /*rest").match("GET", path)
    assert (caught.value.status, caught.value.code) == (400, "bad_path")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/tasks", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/tasks/7", "DELETE, GET, HEAD, OPTIONS"),
        ("PUT", "/tasks/new", "DELETE, GET, HEAD, OPTIONS"),
        ("OPTIONS", "/tasks", "GET, HEAD, OPTIONS, POST"),
        ("HEAD", "/only", "OPTIONS, POST"),
        ("TRACE", "/every", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
        ("CONNECT", "/every", "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"),
    ],
)
def test_a_wrong_method_says_which_are_right(method, path, allow):
    routes = table("GET /tasks", "POST /tasks", "GET /tasks/new", "GET /tasks/:id", "DELETE /tasks/:id",
                   "POST /only", "* /every")  # fmt: skip
    with pytest.raises(WrongMethod) as caught:
        routes.match(method, path)
    assert (caught.value.status, caught.value.headers) == (405, [("allow", allow)])


def test_a_hint_names_near_routes_only_where_it_may():
    lines = ("GET /tasks", "GET /tasks/:id", "GET /users/:id")
    with pytest.raises(NoSuchRoute) as dev:
        table(*lines, hints=True).match("GET", "/task/7")
    with pytest.raises(NoSuchRoute) as production:
        table(*lines).match("GET", "/task/7")
    assert dev.value.hint == "Did you mean /tasks/:id or /tasks?"
    assert production.value.hint is None


def test_a_long_path_is_cut_in_the_message():
    with pytest.raises(NoSuchRoute) as caught:
        table("GET /").match("GET", "/" + "x" * 10_000)
    assert len(caught.value.message) < 300


INVALID = [
    ("GET tasks", "invalid_route"),
    ("GET ", "invalid_route"),
    ("GET /a//b", "invalid_route"),
    ("GET //", "invalid_route"),
    ("GET /a?b=1", "invalid_route"),
    ("GET /a#b", "invalid_route"),
    ("GET /a b", "invalid_route"),
    ("GET /a\\b", "invalid_route"),
    ("GET /:", "invalid_route"),
    ("GET /:1st", "invalid_route"),
    ("GET /:id.json", "invalid_route"),
    ("GET /:id(\\d+)", "invalid_route"),
    ("GET /x:id", "invalid_route"),
    ("GET /:id/:id", "invalid_route"),
    ("GET /*", "invalid_route"),
    ("GET /*path/more", "invalid_route"),
    ("GET /%zz", "invalid_route"),
    ("GET /%FF", "invalid_route"),
    ("FETCH /", "invalid_route"),
    ("get /", "invalid_route"),
    ("GET /graphql", "reserved_path"),
    ("POST /mcp/", "reserved_path"),
    ("GET /assets/*path", "reserved_path"),
    ("GET /assets", "reserved_path"),
    ("POST /auth/login", "reserved_path"),
    ("GET /%61uth/x", "reserved_path"),
    ("GET /openapi.json", "reserved_path"),
    ("GET /health", "reserved_path"),
    ("GET /.well-known/jwks.json", "reserved_path"),
    ("* /.well-known/jwks.json/", "reserved_path"),
    ("GET /%2Ewell-known/jwks%2Ejson", "reserved_path"),
]


@pytest.mark.parametrize(("line", "code"), INVALID)
def test_a_bad_pattern_is_refused_with_its_place(line, code):
    method, path = line.split(" ", 1)
    where = Where(file="shop.ipynb", cell="abc", line=3, column=1)
    with pytest.raises(ProgramError) as caught:
        RouteTable([Route(method, path, line, where)])
    assert caught.value.code == code
    assert caught.value.where == where
    assert caught.value.hint


@pytest.mark.parametrize(
    "line", ["GET /healthy", "GET /graphql/x", "GET /authors", "GET /a%3Ab", "GET /v1.2"]
)
def test_a_path_near_a_bad_one_is_accepted(line):
    assert table(line).match("GET", line.split()[1]).route.handler == line


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        (["GET /a", "GET /a"], 1),
        (["GET /a", "GET /a/"], 1),
        (["GET /:id", "GET /:name"], 1),
        (["GET /caf%C3%A9", "GET /café"], 1),
        (["GET /*a", "GET /*b", "GET /*c"], 2),
        (["GET /a", "POST /a", "* /a"], 0),
        (["GET /:id", "GET /*id", "GET /id"], 0),
    ],
)
def test_equal_routes_are_conflicts(lines, count):
    assert len(conflicts(map(route, lines))) == count


def test_the_later_of_two_equal_routes_answers():
    first, later = Route("GET", "/:a", "first"), Route("GET", "/:b", "later")
    match = RouteTable([first, later]).match("GET", "/7")
    assert (match.route.handler, dict(match.params)) == ("later", {"b": "7"})


def test_every_refusal_is_an_error_with_a_code():
    for line, _ in INVALID:
        with pytest.raises(AiweError):
            table(line)
