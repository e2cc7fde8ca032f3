"""The kernel passes Jupyter's own tests of kernels, with an engine behind it."""

from __future__ import annotations

import jupyter_kernel_test
import pytest


@pytest.mark.usefixtures("jupyter_home")
class TestAiweKernel(jupyter_kernel_test.KernelTests):
    kernel_name = "aiwe"
    language_name = "javascript"
    file_extension = ".js"
    code_hello_world = 'console.log("hello, world")'
    code_stderr = 'console.error("oops")'
    code_generate_error = 'throw new TypeError("boom")'
    code_page_something = "app?"
    code_inspect_sample = "DataRepository"
    code_clear_output = "%%python\nfrom IPython.display import clear_output\nclear_output()"
    completion_samples = [  # noqa: RUF012
        {"text": "DataReposi", "matches": {"DataRepository"}},
        {"text": "app.onErr", "matches": {"onError"}},
        {"text": "%rout", "matches": {"%routes"}},
    ]
    complete_code_samples = ["1 + 1", "const f = () => {\n  return 1;\n}", "%%python\nx = 1"]  # noqa: RUF012
    incomplete_code_samples = ["function f() {", "foo(", "`abc", "%%python\nif 1:"]  # noqa: RUF012
    invalid_code_samples = ["let z = ;", "}"]  # noqa: RUF012
    code_execute_result = [  # noqa: RUF012
        {"code": "6 * 7", "result": "42"},
        {"code": "[1, 2]", "mime": "text/html"},
        {"code": "%%python\n6 * 7", "result": "42"},
    ]
    code_display_data = [{"code": "display({ a: 1 })", "mime": "text/plain"}]  # noqa: RUF012
    code_history_pattern = "6 [*] 7"
    supported_history_operations = ("tail", "search")
