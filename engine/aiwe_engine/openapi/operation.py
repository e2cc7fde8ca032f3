"""One route as an OpenAPI operation: its parameters, what it takes and what it answers.

What a route is described to do is promised strictly. Of a route that nobody described little is
known, so little is said: it takes anything and may answer anything.
"""

from __future__ import annotations

from typing import Any

from aiwe_engine.openapi.schemas import Components, Schema
from aiwe_engine.routing.pattern import Pattern
from aiwe_engine.types import Route

ERROR: Schema = {
    "type": "object",
    "description": "The shape of every error that the engine answers with.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "Stable, for programs", "examples": ["not_found"]},
                "message": {"type": "string", "description": "What happened, for people"},
                "hint": {"type": "string", "description": "What to do about it"},
                "details": {"description": "Particulars; for invalid_input a list of {path, message}"},
                "request_id": {"type": "string", "description": "Stands in the log too"},
            },
        }
    },
}  # fmt: skip
#: The ways in which the people who use an app say who they are.
SECURITY_SCHEMES: Schema = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "aiwe_session",
        "description": "Set when somebody signs in; __Host-aiwe_session over https",
    },
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_JSON, _FORM = "application/json", "multipart/form-data"
_ANY = "*/*"
_QUERIED = frozenset({"get", "delete", "options"})
_STATUSES = {
    "200": "OK", "201": "Created", "202": "Accepted", "204": "Done, and nothing to say", "303": "See another address",
    "304": "Not changed", "400": "The request is not as expected", "401": "Who asks is not known",
    "403": "Not allowed", "404": "Not found", "409": "In conflict with what is there",
    "422": "Understood, but not possible", "429": "Too many requests", "500": "The handler failed",
}  # fmt: skip
_RETRY = {
    "Retry-After": {
        "description": "Seconds to wait",
        "schema": {"type": "integer", "minimum": 0},
    }
}


class Operations:
    """Makes the operations of one document, with names that are unique in it.

    Attributes:
        guarded: one of them is for people who are signed in.

    Args:
        components: what the document shares.
        limit: the rule that holds for every route without one of its own; "" for none.
    """

    def __init__(self, components: Components, limit: str) -> None:
        self._components, self._limit = components, limit
        self._error = components.add("Error", ERROR)
        self._ids: set[str] = set()
        self.guarded = False

    def make(self, route: Route, method: str, pattern: Pattern, names: tuple[str, ...]) -> Schema:
        """The operation object of a route for one method.

        Args:
            route: what was registered.
            method: in lower case.
            pattern: its path.
            names: of the path's parameters, as the document's path has them.
        """
        info = route.info
        name = self._name(method, pattern)
        operation: Schema = {"operationId": name}
        for key in ("summary", "description"):
            if _is_text(info.get(key)):
                operation[key] = info[key]
        notes = _notes(info)
        if notes:
            operation["description"] = "\n\n".join(
                filter(None, [operation.get("description"), notes])
            )
        tags = info.get("tags")
        if isinstance(tags, list) and any(map(_is_text, tags)):
            operation["tags"] = [tag for tag in tags if _is_text(tag)]
        requires = _requires(info)
        if requires is not None:
            operation["security"] = [{name: []} for name in SECURITY_SCHEMES]
            self.guarded = True
        elif info.get("public") is True:
            operation["security"] = []
        title = name[0].upper() + name[1:]
        given = self._components.embed(info["input"], f"{title}Input") if "input" in info else None
        queried = method in _QUERIED
        parameters = self._path_parameters(info, pattern, names, title)
        if queried and given is not None:
            parameters += self._query_parameters(given)
        if parameters:
            operation["parameters"] = parameters
        if not queried:
            has_files = _has_files(self._components.resolve(given))
            operation["requestBody"] = _body(info, given, has_files=has_files)
        operation["responses"] = self._responses(info, method, title)
        return operation

    def _name(self, method: str, pattern: Pattern) -> str:
        words = [method]
        for kind, text in pattern.segments:
            word = "".join(part[:1].upper() + part[1:] for part in _words(text))
            words.append(f"By{word}" if kind == "param" else word)
        wanted = "".join(words) if len(words) > 1 else f"{method}Root"
        name, count = wanted, 1
        while name in self._ids:
            count += 1
            name = f"{wanted}{count}"
        self._ids.add(name)
        return name

    def _path_parameters(
        self, info: Schema, pattern: Pattern, names: tuple[str, ...], title: str
    ) -> list[Schema]:
        described = info.get("params")
        described = described if isinstance(described, dict) else {}
        found = []
        segments = [segment for segment in pattern.segments if segment.kind != "static"]
        for name, (kind, own) in zip(names, segments, strict=True):
            schema: Any = {"type": "string", "minLength": 1}
            if own in described:
                schema = self._components.embed(described[own], f"{title}{own.title()}")
            parameter = _parameter(name, "path", schema, required=True)
            if kind == "wildcard":
                parameter.setdefault("description", "The rest of the path; it may have slashes.")
            found.append(parameter)
        return found

    def _query_parameters(self, schema: Any) -> list[Schema]:
        required: set[str] = set()
        properties: dict[str, Any] = {}
        waiting, seen = [schema], 0
        while waiting and seen < 50:
            one = self._components.resolve(waiting.pop(0))
            seen += 1
            if not isinstance(one, dict):
                continue
            if isinstance(one.get("properties"), dict):
                properties = {**one["properties"], **properties}
            if isinstance(one.get("required"), list):
                required.update(filter(_is_text, one["required"]))
            waiting += one["allOf"] if isinstance(one.get("allOf"), list) else []
        return [
            _parameter(name, "query", properties.get(name, {}), required=name in required)
            for name in dict.fromkeys([*properties, *sorted(required)])
        ]

    # ── responses ──

    def _responses(self, info: Schema, method: str, title: str) -> Schema:
        declared = info.get("responses")
        declared = declared if isinstance(declared, dict) else {}
        output = (
            self._components.embed(info["output"], f"{title}Output") if "output" in info else None
        )
        responses = {
            str(status): self._declared(str(status), one, output, title)
            for status, one in declared.items()
        }
        if not any(status.startswith("2") for status in responses):
            responses.update(_successes(method, output))
        if "input" in info or "params" in info:
            responses.setdefault("400", self._failure("What was sent does not fit its schema"))
        requires = _requires(info)
        if requires is not None:
            responses.setdefault("401", self._failure("Nobody is signed in"))
        if requires:
            responses.setdefault("403", self._failure("The role for this is missing"))
        if info.get("limits") or self._limit:
            limited = self._failure("Too many requests: wait as long as Retry-After says.")
            responses.setdefault("429", {**limited, "headers": _RETRY})
        strict = output is not None or bool(declared)
        responses.setdefault("default", self._other(strict=strict))
        return dict(sorted(responses.items()))

    def _declared(self, status: str, one: Any, output: Any, title: str) -> Schema:
        given = one if isinstance(one, dict) else {"description": one}
        text = given.get("description")
        response: Schema = {
            "description": text if _is_text(text) else _STATUSES.get(status, f"Status {status}")
        }
        kind = given.get("contentType")
        if "schema" in given:
            schema = self._components.embed(given["schema"], f"{title}{status}")
        elif status[0] in "45d" and not _is_text(kind):
            schema = self._error
        else:
            schema = output if status[0] == "2" else None
        if status in {"204", "304"}:
            return response
        if _is_text(kind):
            response["content"] = {kind: {} if schema is None else {"schema": schema}}
        elif schema is not None:
            response["content"] = {_JSON: {"schema": schema}}
        elif status[0] != "3":
            response["content"] = {_ANY: {}}
        return response

    def _failure(self, text: str) -> Schema:
        return {"description": text, "content": {_JSON: {"schema": self._error}}}

    def _other(self, *, strict: bool) -> Schema:
        """What any other answer is: an error, or for a route that says nothing of it, anything."""
        if strict:
            return self._failure("An error")
        schema = {"anyOf": [self._error, True]}
        return {
            "description": "An error, or whatever else the handler answers",
            "content": {_JSON: {"schema": schema}, _ANY: {}},
        }


def _successes(method: str, output: Any) -> Schema:
    content = {_ANY: {}} if output is None else {_JSON: {"schema": output}}
    found: Schema = {"200": {"description": _STATUSES["200"], "content": content}}
    if method == "post":
        found["201"] = {"description": _STATUSES["201"], "content": content}
    if method != "get" and output is None:
        found["204"] = {"description": _STATUSES["204"]}
    return found


def _parameter(name: str, place: str, schema: Any, *, required: bool) -> Schema:
    parameter: Schema = {"name": name, "in": place, "required": required, "schema": schema}
    if isinstance(schema, dict) and _is_text(schema.get("description")):
        parameter["description"] = schema["description"]
    if isinstance(schema, dict) and schema.get("deprecated") is True:
        parameter["deprecated"] = True
    return parameter


def _body(info: Schema, schema: Any, *, has_files: bool) -> Schema:
    if info.get("body") == "stream":
        return {"description": "Read as it comes", "content": {_ANY: {}}}
    if schema is None:
        return {"content": {_JSON: {"schema": {}}}}
    kind = _FORM if has_files else _JSON
    return {"required": True, "content": {kind: {"schema": schema}}}


def _has_files(schema: Any) -> bool:
    """Whether a property is a file, which OpenAPI calls a string of the format "binary"."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    values = properties.values() if isinstance(properties, dict) else ()
    items = [one.get("items", one) if isinstance(one, dict) else one for one in values]
    return any(isinstance(one, dict) and one.get("format") == "binary" for one in items)


def _notes(info: Schema) -> str:
    notes = []
    limit = info.get("bodyLimit")
    if isinstance(limit, int) and not isinstance(limit, bool):
        notes.append(f"A body has at most {limit:,} bytes.")
    limits = info.get("limits")
    if isinstance(limits, list) and limits:
        notes.append(f"Limited to {', '.join(map(str, limits))}.")
    for roles in _requires(info) or ():
        notes += [f"For people with the role {' or '.join(roles)}."]
    return " ".join(notes)


def _requires(info: Schema) -> list[list[str]] | None:
    """What the guards of a route ask for: roles, one of each list; None where it has no guard."""
    given = info.get("requires")
    if not isinstance(given, list) or not given:
        return None
    return [
        roles for one in given if isinstance(one, list) and (roles := list(filter(_is_text, one)))
    ]


def _words(text: str) -> list[str]:
    return "".join(char if char.isascii() and char.isalnum() else " " for char in text).split()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
