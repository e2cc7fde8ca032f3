"""Forms as bytes, and what is read of them."""

from aiwe_engine.errors import RequestError
from aiwe_engine.files.form import Form, FormReader
from aiwe_engine.files.incoming import Incoming
from aiwe_engine.settings import Settings

BOUNDARY = "b0undary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def form(*parts, boundary=BOUNDARY):
    """A form of parts, each the lines of its header and its content."""
    text = b""
    for *lines, content in parts:
        head = "".join(f"{line}\r\n" for line in lines).encode()
        data = content.encode() if isinstance(content, str) else content
        text += f"--{boundary}\r\n".encode() + head + b"\r\n" + data + b"\r\n"
    return text + f"--{boundary}--\r\n".encode()


def part(name, content, filename=None, kind=None):
    """One part of a form as a browser writes it."""
    end = "" if filename is None else f'; filename="{filename}"'
    lines = [f'Content-Disposition: form-data; name="{name}"{end}']
    if kind is not None:
        lines.append(f"Content-Type: {kind}")
    return *lines, content


def read(root, pieces, content_type=TYPE, **changes) -> Form:
    """The form in some pieces; whatever it holds goes to a folder below `root`."""
    incoming = Incoming(root)
    try:
        reader = FormReader(content_type, incoming, Settings(**changes))
        for piece in pieces:
            reader.feed(piece)
        return reader.finish()
    except RequestError:
        incoming.close()
        raise


def seen(read_form: Form):
    """Fields as (name, text), files as (field, name, type, bytes)."""
    fields = [(one.name, one.value.decode()) for one in read_form.texts]
    files = []
    for one in read_form.uploads:
        content = (one.folder / "content").read_bytes()
        assert len(content) == one.size
        files.append((one.field, one.filename, one.content_type, content))
    return fields, files
