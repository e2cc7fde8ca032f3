"""`aiwe data`: documents in and out, with an engine that runs and without one."""

import json

import duckdb
import pytest

from tests.engine.cli.process import here, serving

PROGRAM = """
app.get("/", async () => ({ docs: await DataRepository.list("tasks") }));
app.post("/", (req) => DataRepository.create("tasks", req.body));
"""
OLD = "2024-01-02T03:04:05.678Z"
STORED = {"id": "kept", "n": 9007199254740993, "version": 7, "createdAt": OLD, "updatedAt": OLD}


def data(*arguments, cwd, given=b""):
    return here("data", *arguments, cwd=cwd, given=given)


def lines(*docs):
    return "".join(json.dumps(doc) + "\n" for doc in docs).encode()


@pytest.fixture(scope="module", params=["stopped", "running"])
def folder(request, tmp_path_factory):
    """A project of its own, whose engine runs or does not."""
    root = tmp_path_factory.mktemp(request.param)
    (root / "shop.js").write_text(PROGRAM)
    if request.param == "running":
        with serving("shop.js", cwd=root):
            yield root
    else:
        yield root


def there(root, collection, *more):
    status, out, err = data("export", collection, "--app", "shop", *more, cwd=root)
    assert status == 0, err
    return [json.loads(line) for line in out.split("\n") if line]


def test_documents_come_in_and_go_out_as_they_were(folder):
    given = lines(
        STORED, {"title": "new"}, {"id": "mine", "createdAt": "2023-01-01", "version": "x"}
    )
    status, out, err = data(
        "import", "-", "--collection", "tasks", "--app", "shop", cwd=folder, given=given
    )
    assert (status, out, err) == (0, "", "tasks of shop, production: 3 documents created\n")
    mine, kept, made = there(folder, "tasks")
    assert kept == STORED
    assert (mine["id"], mine["createdAt"], mine["version"]) == ("mine", "2023-01-01", 1)
    assert (made["title"], made["version"]) == ("new", 1)
    assert len(made["id"]) == 36


def test_the_ending_of_a_file_and_its_name_say_the_rest(folder):
    (folder / "notes.ndjson").write_bytes(
        b"\xef\xbb\xbf" + lines({"id": "a"}) + b"\r\n \n" + b'{"id":"b"}'
    )
    assert data("import", "notes.ndjson", "--app", "shop", cwd=folder)[0] == 0
    status, out, err = data("export", "notes", "--app", "shop", "-o", "out/", cwd=folder)
    assert (status, out, err) == (0, "", "notes: 2 documents → out/notes.ndjson\n")
    kept = (folder / "out" / "notes.ndjson").read_text().splitlines()
    assert [json.loads(line)["id"] for line in kept] == ["a", "b"]
    assert [path.name for path in (folder / "out").iterdir()] == ["notes.ndjson"]


def test_several_collections_go_into_a_folder_together(folder):
    for name in ("red", "blue"):
        data(
            "import",
            "-",
            "--collection",
            name,
            "--app",
            "shop",
            cwd=folder,
            given=lines({"c": name}),
        )
    status, _, err = data("export", "red", "blue", "red", "--app", "shop", "-o", "two", cwd=folder)
    assert status == 0, err
    for name in ("red", "blue"):
        [doc] = (folder / "two" / f"{name}.ndjson").read_text().splitlines()
        assert json.loads(doc)["c"] == name
    status, _, err = data("export", "red", "blue", "--app", "shop", "-o", "-", cwd=folder)
    assert (status, "several_collections" in err, "-o a folder" in err) == (1, True, True)


def test_one_taken_id_and_nothing_is_stored(folder):
    more = ("import", "-", "--collection", "once", "--app", "shop")
    data(*more, cwd=folder, given=lines({"id": "a", "by": 1}))
    status, _, err = data(*more, cwd=folder, given=lines({"id": "b"}, {"id": "a", "by": 2}))
    assert status == 1
    assert 'already, or they are given twice: "a". Nothing was stored. (already_exists)' in err
    assert "--on-conflict skip or replace" in err
    assert [doc["id"] for doc in there(folder, "once")] == ["a"]
    again = lines({"id": "b"}, {"id": "a", "by": 2})
    status, _, err = data(*more, "--on-conflict", "skip", cwd=folder, given=again)
    assert (status, err) == (0, "once of shop, production: 1 document created, 1 skipped\n")
    status, _, err = data(*more, "--on-conflict", "replace", cwd=folder, given=again)
    assert (status, err) == (0, "once of shop, production: 0 documents created, 2 replaced\n")
    assert {doc["id"]: (doc.get("by"), doc["version"]) for doc in there(folder, "once")} == {
        "a": (2, 2),
        "b": (None, 2),
    }


@pytest.mark.parametrize(
    ("line", "place", "code"),
    [
        ('{"a": }', "bad.ndjson:3:7", "invalid_json"),
        ('{"a": 1} x', "bad.ndjson:3:10", "invalid_json"),
        ('[{"a": 1}]', "bad.ndjson:3:", "invalid_document"),
        ('{"id": 7}', "bad.ndjson:3:", "invalid_id"),
        ('{"a": "' + "x" * 1_100_000 + '"}', "bad.ndjson:3:", "document_too_large"),
        ("x" * 8_000_000, "bad.ndjson:3:", "document_too_large"),
    ],
)
def test_a_line_that_is_no_document_is_named_and_nothing_is_stored(folder, line, place, code):
    text = f'{{"id":"ok"}}\n\n{line}\n{{"id":"later"}}\n'
    (folder / "bad.ndjson").write_text(text)
    status, _, err = data("import", "bad.ndjson", "--app", "shop", cwd=folder)
    assert status == 1
    assert place in err
    assert f"({code})" in err
    assert "Nothing was stored" in err
    assert "hint:" in err
    status, _, err = data("export", "bad", "--app", "shop", cwd=folder)
    assert (status, "no_such_collection" in err) == (1, True)


def test_bytes_that_are_not_utf8_are_named(folder):
    (folder / "latin.ndjson").write_bytes(b'{"a": "\xfc"}\n')
    status, _, err = data("import", "latin.ndjson", "--app", "shop", cwd=folder)
    assert (status, "latin.ndjson:1:8: this is not JSON: the bytes are not UTF-8" in err) == (
        1,
        True,
    )


VARIED = [
    {
        **STORED,
        "id": "a",
        "whole": 9223372036854775807,
        "real": 1.5,
        "yes": True,
        "text": "2024-01-01",
        "list": ["x", None, {"y": 1}],
        "object": {"none": None, "deep": {"er": [1.0]}},
        "varied": 1,
        'strange "name"\'s': "\u2028\U0001f600",
    },
    {**STORED, "id": "b", "whole": -5, "real": 2, "varied": "2", "huge": 18446744073709551615},
    {
        **STORED,
        "id": "c",
        "varied": {"3": 3},
        "mixed": -1,
        "updatedAt": "2024-01-02T03:04:05.678901Z",
    },
    {**STORED, "id": "d", "mixed": 18446744073709551615},
]


def test_a_parquet_file_has_typed_columns_and_comes_back_as_it_was(folder):
    more = ("--collection", "varied", "--app", "shop")
    assert data("import", "-", *more, cwd=folder, given=lines(*VARIED))[0] == 0
    status, out, err = data("export", "varied", "--app", "shop", "-o", "v.parquet", cwd=folder)
    assert (status, out, err) == (0, "", "varied: 4 documents → v.parquet\n")
    assert sorted(path.name for path in folder.iterdir() if "parquet" in path.name) == ["v.parquet"]
    with duckdb.connect() as database:
        described = database.execute(f"DESCRIBE SELECT * FROM '{folder}/v.parquet'").fetchall()
        types = {name: kind for name, kind, *_ in described}
        assert types == {
            "id": "VARCHAR",
            "n": "BIGINT",
            "version": "BIGINT",
            "createdAt": "TIMESTAMP WITH TIME ZONE",
            "updatedAt": "TIMESTAMP WITH TIME ZONE",
            "whole": "BIGINT",
            "real": "DOUBLE",
            "yes": "BOOLEAN",
            "text": "VARCHAR",
            "list": "JSON",
            "object": "JSON",
            "varied": "JSON",
            "huge": "UBIGINT",
            "mixed": "JSON",
            'strange "name"\'s': "VARCHAR",
        }
        query = f"SELECT whole, epoch_ms(createdAt) FROM '{folder}/v.parquet' WHERE id = 'a'"
        assert database.execute(query).fetchone() == (9223372036854775807, 1704164645678)
    more = ("--collection", "back", "--app", "shop")
    assert data("import", "v.parquet", *more, cwd=folder)[0] == 0
    assert there(folder, "back") == VARIED


def test_a_parquet_file_of_others_is_taken_as_it_is_meant(folder):
    with duckdb.connect() as database:
        database.execute(
            "COPY (SELECT 7::BIGINT AS id, TIMESTAMP '2024-01-01 01:02:03' AS t, DATE '2024-02-03' AS d, "
            "[1, 2] AS l, {'a': 'b'} AS s, 'nan'::DOUBLE AS x, 1.25::DECIMAL(5, 2) AS c, "
            f"'\\xAA'::BLOB AS y, NULL::INT AS n) TO '{folder}/theirs.pq' (FORMAT parquet)"
        )
    assert data("import", "theirs.pq", "--app", "shop", cwd=folder)[0] == 0
    [doc] = there(folder, "theirs")
    for name in ("version", "createdAt", "updatedAt"):
        del doc[name]
    assert doc == {
        "id": "7",
        "t": "2024-01-01T01:02:03.000Z",
        "d": "2024-02-03",
        "l": [1, 2],
        "s": {"a": "b"},
        "c": 1.25,
        "y": "qg==",
    }


def test_what_cannot_be_parquet_is_told_and_leaves_no_file(folder):
    given = lines({"Name": 1}, {"name": 2})
    data("import", "-", "--collection", "cases", "--app", "shop", cwd=folder, given=given)
    status, _, err = data("export", "cases", "--app", "shop", "-o", "cases.parquet", cwd=folder)
    assert (status, "columns_clash" in err, "Export NDJSON" in err) == (1, True, True)
    assert [path for path in folder.iterdir() if "cases" in path.name] == []
    (folder / "no.parquet").write_bytes(b"PAR1 is not enough")
    status, _, err = data("import", "no.parquet", "--app", "shop", cwd=folder)
    assert (status, "parquet_failed" in err) == (1, True)
    status, _, err = data(
        "export", "cases", "--app", "shop", "--format", "parquet", "-o", "-", cwd=folder
    )
    assert (status, "several_collections" in err) == (1, True)


def test_collections_are_listed(folder):
    data(
        "import",
        "-",
        "--collection",
        "listed",
        "--app",
        "other",
        "--env",
        "dev",
        cwd=folder,
        given=lines({}, {}),
    )
    out = data("list", "--app", "other", cwd=folder)[1]
    assert out.split() == ["APP", "ENV", "COLLECTION", "DOCUMENTS", "other", "dev", "listed", "2"]
    found = json.loads(data("list", "--json", "--env", "dev", cwd=folder)[1])
    assert found == {
        "collections": [{"app": "other", "env": "dev", "collection": "listed", "documents": 2}]
    }


def test_what_is_not_there_is_told(folder):
    status, out, err = data("export", "nothing", "--app", "shop", cwd=folder)
    assert (status, out) == (1, "")
    assert 'shop has no collection "nothing" in production. (no_such_collection)' in err
    status, _, err = data("import", "missing.ndjson", "--app", "shop", cwd=folder)
    assert (status, "unreadable_file" in err) == (1, True)
    status, _, err = data("import", "-", "--app", "shop", cwd=folder)
    assert (status, "no_collection" in err) == (1, True)
    status, _, err = data("export", "tasks", "--app", "shop", "-o", "/proc/no/x.ndjson", cwd=folder)
    assert (status, "storage_failed" in err, "-o" in err) == (1, True, True)


def test_names_of_apps_and_collections_are_checked(folder):
    for app, name, code in (("../up", "x", "invalid_app"), ("shop", "a/b", "invalid_collection")):
        status, _, err = data(
            "import", "-", "--collection", name, "--app", app, cwd=folder, given=lines({})
        )
        assert (status, code in err) == (1, True), err


def test_what_was_imported_is_served_at_once_and_a_reader_gets_no_older_copy(tmp_path):
    (tmp_path / "shop.js").write_text(
        PROGRAM + 'app.get("/:id", (req) => DataRepository.get("tasks", req.params.id));'
    )
    with serving("shop.js", "--env", "dev", cwd=tmp_path) as server:
        server.ask(
            "/", "POST", body='{"id":"a","n":1}', headers={"content-type": "application/json"}
        )
        assert json.loads(server.ask("/a")[2])["n"] == 1
        assert server.ask("/b")[2] == b"null"
        given = lines({"id": "a", "n": 2}, {"id": "b", "n": 2})
        more = ("--collection", "tasks", "--on-conflict", "replace")
        status, _, err = data(
            "import", "-", *more, cwd=tmp_path, given=given
        )  # app and env are clear
        assert (status, err) == (0, "tasks of shop, dev: 1 document created, 1 replaced\n")
        assert json.loads(server.ask("/a")[2])["n"] == 2
        assert json.loads(server.ask("/b")[2])["n"] == 2
        assert server.end()[0] == 0
    assert [doc["n"] for doc in there(tmp_path, "tasks")] == [2, 2]


def test_a_folder_without_data_stays_as_it_was(tmp_path):
    status, _, err = data("list", cwd=tmp_path)
    assert (status, "no_data" in err, "--data" in err) == (1, True, True)
    assert list(tmp_path.iterdir()) == []


def test_an_app_or_environment_that_is_not_clear_must_be_named(tmp_path):
    for app, env in (("a", "dev"), ("b", "dev"), ("b", "production")):
        given = lines({"of": app + env})
        more = ("--collection", "x", "--app", app, "--env", env)
        assert data("import", "-", *more, cwd=tmp_path, given=given)[0] == 0
    status, _, err = data("export", "x", cwd=tmp_path)
    assert (status, "several_apps" in err, "a, b" in err) == (1, True, True)
    status, _, err = data("export", "x", "--app", "b", cwd=tmp_path)
    assert (status, "several_environments" in err, "--env" in err) == (1, True, True)
    assert there(tmp_path, "x", "--env", "dev", "--app", "a")[0]["of"] == "adev"


def test_help_speaks_of_every_command(tmp_path):
    status, out, _ = data("--help", cwd=tmp_path)
    assert status == 0
    for word in ("list", "export", "import", "aiwe data export tasks --app shop -o tasks.ndjson"):
        assert word in out
