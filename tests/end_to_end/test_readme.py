"""What the README says is so: its commands are run, and what it shows of them is compared. Nothing is undocumented.

In what the README shows, ``…`` alone on a line stands for any lines, and within one for any text; seconds are any.
"""

import re
import shlex
from collections.abc import Iterator

from support import ROOT, make

from flowlogs.fields import FIELDS
from pipelines.commands.__main__ import main
from pipelines.settings import PREFIX, Settings
from resources.embedded.sql import allowed

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".env.example", *sorted((ROOT / "docs").glob("*.md"))]


def shown() -> Iterator[tuple[list[str], str]]:
    """Each of the README's commands of make whose output it shows: its arguments, and that output."""
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for command, output in re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            typed = command.replace("\\\n", " ").rpartition("&& ")[2]
            words = shlex.split(typed, comments=True)
            if words[0] == "make" and output.strip():
                yield words[1:], output


def missing_line(output: str, printed: str) -> str | None:
    """The first line of an output that is shown in the README and not printed there; None where all are."""
    lines, at, gap = printed.splitlines(), 0, True
    for line in output.rstrip().splitlines():
        if line.strip() == "…":
            gap = True
            continue
        pattern = re.sub(r"\d+\\\.\d+\\ s(?=\\\.|$)", "[0-9.]+ s", re.escape(line.rstrip())).replace("…", ".*")
        last = len(lines) if gap else at + 1
        found = next((number for number in range(at, last) if re.fullmatch(pattern, lines[number].rstrip())), None)
        if found is None:
            return line
        at, gap = found + 1, False
    return None


def test_the_readmes_commands_show_what_it_says(whole_project):
    day = ""
    for arguments, output in shown():
        shown_day = re.search(r"^Day +(\S+)", output, re.MULTILINE)
        day = f"DATE={shown_day[1]}" if shown_day else day
        code, printed = make(whole_project, *arguments, *([day] if arguments == ["run"] else []))
        assert code == 0, printed
        assert missing_line(output, printed) is None, printed


def test_the_readme_shows_what_some_commands_print():
    assert ["run"] in [arguments for arguments, _ in shown()]


def test_every_target_of_make_is_documented():
    targets = re.findall(r"^([a-z]+):[^#\n]*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES[:2])
    assert [target for target in targets if f"make {target}" not in text] == []


def test_every_command_is_documented():
    assert [name for name in main.commands if f"make {name}" not in README] == []


def test_every_setting_is_documented():
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    names = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    assert [name for name in names if not re.search(rf"^#?{name}=", example, re.MULTILINE)] == []


def test_no_page_names_a_setting_that_is_none():
    names = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {
        "FLOWLAKE_TEST_LOGS",
        "FLOWLAKE_TEST_QUERIES",
        "FLOWLAKE_TEST_SCREENSHOTS",
    }
    for page in PAGES:
        found = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", page.read_text(encoding="utf-8")))
        assert found - names == set(), page.name


def test_the_page_on_sql_lists_the_functions_that_are_executed():
    text = (ROOT / "docs" / "sql.md").read_text(encoding="utf-8")
    executed = text.partition("| functions | |")[2].partition("\n\n")[0]
    functions = set(re.findall(r"`([a-z_0-9]+)`", executed))
    assert sorted(allowed._FUNCTION_NAMES - functions) == []
    assert sorted(functions - allowed._FUNCTION_NAMES - {"extract"}) == []


def test_every_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_page_of_formats_has_every_field_and_no_other():
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| `([a-z0-9_]+)` \| (\w+) \| (\d+) \|$", page, re.MULTILINE)
    assert rows == [(field.header, field.column, field.type, str(field.version)) for field in FIELDS]


def test_what_is_known_of_aws_has_its_sources():
    """A page's title, or a repository, is in parentheses in each cell that is not empty, but for the last column."""
    page = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    rows = [
        line.strip("|").split(" | ") for line in page.partition("## What is known")[2].splitlines() if "| **" in line
    ]
    assert {len(cells) for cells in rows} == {4} and len(rows) > 10
    cells = [cell for _, pages, experience, _ in rows for cell in (pages, experience)]
    assert [cell for cell in cells if cell != "\N{EN DASH}" and not re.search(r'\("|\([^()"]*\w/\w', cell)] == []


def test_the_names_of_unloads_files_are_said_to_be_known_from_trinos_source_only():
    page = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"\| \*\*names of UNLOAD's files\*\* .*", page)
    assert "(`HiveWriterFactory`, trinodb/trino)" in row and "known from Trino's source only" in row
