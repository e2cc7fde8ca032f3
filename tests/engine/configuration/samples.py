"""For each setting a value that is not its default."""

import json
import ssl

TEXTS = [
    "10.0.0.1",
    "a.example",
    "a.example:80",
    "https://a.example",
    "http://proxy.example:3128",
    "10/min",
    "postgresql:///aiwe",
    "gzip",
    "default-src 'none'",
]


def another(row):
    """The value, and the text that says it in an environment variable.

    A setting whose check takes none of TEXTS needs one more there.
    """
    default = row.default
    if isinstance(default, bool):
        return not default, json.dumps(not default)
    if isinstance(default, str):
        text = next(text for text in _texts(row) if text != default)
        return text, text
    if isinstance(default, tuple):
        value = (next(text for text in _texts(row) if (text,) != default),)
        return value, json.dumps(value)
    value = min(default * 2 or type(default)(1), type(default)(row.most))
    return value, str(value)


def _texts(row):
    if row.choices:
        return row.choices
    authorities = ssl.get_default_verify_paths().cafile
    texts = [*TEXTS, authorities] if authorities else TEXTS
    return [text for text in texts if row.check is None or row.check(text) is None]
