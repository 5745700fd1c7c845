from __future__ import annotations

import pickle

import pytest

from maestro_ray.protocol.codes import ErrorCode


@pytest.mark.parametrize("code", list(ErrorCode))
def test_every_code_says_what_the_caller_should_do(code: ErrorCode) -> None:
    assert code.todo.endswith(".")
    assert len(code.todo.split()) > 5
    assert pickle.loads(pickle.dumps(code)) is code


def test_the_numbers_are_the_standards_and_ours_from_32000_down() -> None:
    standard = {-32700, -32600, -32601, -32602, -32603}
    ours = {int(code) for code in ErrorCode} - standard

    assert standard < {int(code) for code in ErrorCode}
    assert ours == set(range(-32000, -32000 - len(ours), -1))
