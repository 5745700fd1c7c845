from __future__ import annotations

from maestro_cli.render.judged import judged_lines

CARD = {
    "about": {
        "verdicts": [
            {
                "verdict": "REJECTED",
                "reason": "red\x1b[2J",
                "commit": "abcdef0123456789",
                "worker": "review-1",
            }
        ],
        "evidence": {"command": "make test", "exit_code": 1, "counts": {"failed": 2}},
    }
}


def test_verdicts_and_evidence_stand_below_a_card() -> None:
    assert judged_lines(CARD) == [
        "REJECTED review-1 @ abcdef0123: red [2J",
        "`make test` exited with 1: 2 failed",
    ]


def test_a_card_without_any_has_none() -> None:
    assert judged_lines({"about": {}}) == judged_lines({}) == []
