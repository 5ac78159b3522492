"""A short run of the fuzzers, by Hypothesis, which makes an input that fails as small as it can; and their command."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import ROOT, run

from fuzz.__main__ import Found, main, table
from fuzz.choices import Choices
from fuzz.plain_reader import hive_integer, hive_lines, java_text
from fuzz.targets import TARGETS, SilentLoss, Target

EXAMPLES = {
    "object-names": 300,
    "first-look": 200,
    "report-files": 100,
    "settings": 40,
    "records": 40,
    "page": 15,
    "parquet": 5,
}
"""How many inputs each target gets. Random queries have a test of their own."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_nothing_is_lost_in_silence_and_nothing_crashes(name: str) -> None:
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES[name], derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.sampled_from([b"", *target.seeds]) | st.binary(max_size=300))
    def check(data: bytes) -> None:
        target.function(data)

    check()


def test_every_target_is_fuzzed_here_or_elsewhere() -> None:
    assert TARGETS.keys() - EXAMPLES.keys() == {"selects"}
    assert sum(target.share for target in TARGETS.values()) == 100_000


def test_the_same_bytes_make_the_same_choices() -> None:
    first, second = Choices(bytes(range(99))), Choices(bytes(range(99)))
    assert [first.text() for _ in range(9)] == [second.text() for _ in range(9)]
    assert Choices(b"").text() == "" and Choices(b"").is_over and not Choices(b"").chance(100)


@pytest.mark.parametrize(
    ("text", "value"), [("7.9", 7), ("-.5", 0), ("1e3", None), ("2147483648", None), ("\u0663", None), (".", None)]
)
def test_the_plain_reader_reads_integers_as_hive_does(text: str, value: int | None) -> None:
    assert hive_integer(text, 32) == value


def test_the_plain_reader_reads_lines_and_characters_as_hive_does() -> None:
    assert hive_lines(b"\xef\xbb\xbfa\r\nb\rc\n\nd") == [b"a", b"b", b"c", b"", b"d"]
    assert java_text(b"a\xc3\xa9\xed\xa0\x80\xf0\x9f\xffz\xe2\x82") == "a\u00e9\ufffd\ufffd\ufffdz\ufffd"


def _broken(data: bytes) -> None:
    if len(data) == 3:
        raise SilentLoss("three bytes")


def test_an_input_that_fails_is_raised_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Target, "function", property(lambda _: _broken))
    failed = tmp_path / "input"
    failed.write_bytes(b"abc")
    with pytest.raises(SilentLoss, match="three bytes"):
        main(["--target", "records", "--again", str(failed)])
    failed.write_bytes(b"ab")
    assert main(["--target", "records", "--again", str(failed)]) == 0


def test_the_table_counts_inputs_and_what_they_did(tmp_path: Path) -> None:
    found = {"a": Found(1_234, True), "b": Found(5, False, {"crash": [tmp_path], "hang": [], "loss": [tmp_path] * 2})}
    assert table(found).splitlines()[2:] == [
        "| a | 1,234 | yes | 0 | 0 | 0 |",
        "| b | 5 | no | 1 | 0 | 2 |",
        "| all | 1,239 |  | 1 | 0 | 2 |",
    ]


def test_the_command_runs_a_target_and_says_how_many_inputs_it_got(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    code, output = run(ROOT, "python", "-m", "fuzz", "--target", "object-names", "--inputs", 200, "--kept", kept)
    assert code == 0, output
    assert "object-names: 200 inputs" in output and not kept.exists()
