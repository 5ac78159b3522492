"""The daily reports: each .sql file in this folder, or in a folder of the user's own, is one. No list names them.

A file is a query of datasets, below comments that say what it answers and how it is shown. docs/reports.md describes
them. report_sql.py makes the statement.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from flowlogs.addresses import is_internet_sql, is_private_sql
from flowlogs.datasets import DATASETS
from flowlogs.errors import FlowLakeError
from flowlogs.fields import FIELD_OF, PARTITION_COLUMN
from flowlogs.printable import printable

OWN_FOLDER = Path(__file__).parent

DEFAULT_ROWS = 100
"""How many rows of a day a report has at most, unless its file says otherwise."""

FRAGMENTS: Mapping[str, Callable[[str], str]] = {"private": is_private_sql, "internet": is_internet_sql}
"""Conditions that a file may ask for: `{private(sourceaddress)}` is true where the column has a private address."""

_NAME = re.compile("[a-z][a-z0-9_]{0,99}")
_KEY = re.compile(r"(?P<key>[a-z]+): *(?P<value>.*)")
_TYPES = ("boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string")
_COLUMN = re.compile(rf"(?P<name>[a-z_][a-z0-9_]*) (?P<type>{'|'.join(_TYPES)})(?:: *(?P<description>.+))?")
_NUMBER = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_PARAMETER = re.compile(
    rf"(?P<name>[a-z_][a-z0-9_]*) *= *(?P<value>{_NUMBER}(?:, *{_NUMBER})*|'[^'{{}}\\]*')(?:: *(?P<description>.+))?"
)
_ORDERED = re.compile(r"(?P<name>[a-z_][a-z0-9_]*)(?P<desc> desc)?")
_CHART = re.compile(
    r"(?P<kind>bars|line) of (?P<value>[a-z_][a-z0-9_]*) by (?P<by>[a-z_][a-z0-9_]*(?:, *[a-z_][a-z0-9_]*)*)"
)
PLACEHOLDER = re.compile(r"\{(?P<name>[a-z_][a-z0-9_]*)(?:\((?P<argument>[a-z_][a-z0-9_.]*)\))?\}")
"""A value that is filled in, `{name}`, or one of FRAGMENTS, `{name(argument)}`."""

_BRACES_OF_PATTERN = re.compile(r"\{\d+(?:,\d*)?\}")

_ONCE = (
    *("title", "question", "note", "reads", "fields", "history"),
    *("order", "rows", "chart", "alarm", "says", "columns"),
)
_REQUIRED = ("title", "question", "reads", "order", "columns")
_HEADER = f"The keys are: {', '.join(_ONCE)}, parameter."
_PLACEHOLDERS = ("first", "last", "earliest", "history")


@dataclass(frozen=True)
class Column:
    """A column of a report: its name, its Hive type, and what it holds, in words."""

    name: str
    type: str
    description: str = ""


@dataclass(frozen=True)
class Parameter:
    """A number, numbers or a text in a report's SQL that people may want to change: its name, its SQL, what it is."""

    name: str
    value: str
    description: str = ""


@dataclass(frozen=True)
class Chart:
    """How a report is drawn: `bars` or a `line` of the values of a column, labelled by others."""

    kind: str
    value: str
    by: tuple[str, ...]


@dataclass(frozen=True)
class Alarm:
    """Which rows need a look, as a condition in SQL; and a sentence about such a row, with columns in braces."""

    condition: str
    says: str


@dataclass(frozen=True)
class Report:
    """A report, as its file says.

    `note` is what else has to be known of its numbers.
    `reads` are the datasets that it reads, `fields` those of AWS's fields without which it says nothing. Its rows are
    ordered by `order` (column, descending) and then by all other columns; of each day it has at most `rows`. `history`
    is how many days before a day it reads too. `query` gives the rows, with `{first}` and `{last}` for the days.
    `first_line` is the number of the query's first line in the file.
    """

    name: str
    title: str
    question: str
    reads: tuple[str, ...]
    columns: tuple[Column, ...]
    order: tuple[tuple[str, bool], ...]
    query: str
    path: Path
    first_line: int = 1
    fields: tuple[str, ...] = ()
    history: int = 0
    rows: int = DEFAULT_ROWS
    chart: Chart | None = None
    alarm: Alarm | None = None
    parameters: tuple[Parameter, ...] = ()
    note: str = ""

    @property
    def description(self) -> str:
        """The report in one line."""
        return " ".join(filter(None, (f"{self.title}.", self.question, self.note)))

    @property
    def column_types(self) -> tuple[tuple[str, str], ...]:
        return tuple((column.name, column.type) for column in self.columns)


def read_reports(folder: Path | None = None) -> tuple[Report, ...]:
    """The reports of this project and of a folder of the user's own, in the order of their names.

    A file of the user's own takes the place of one with the same name. Raises FlowLakeError, with each problem of each
    file, and its line.
    """
    paths = {path.stem: path for path in sorted(OWN_FOLDER.glob("*.sql"))}
    if folder is not None:
        if not folder.is_dir():
            raise FlowLakeError(f"FLOWLAKE_REPORTS names {folder}, which is no folder. Name a folder of .sql files.")
        paths |= {path.stem: path for path in sorted(folder.glob("*.sql"))}
    found, problems = [], list[str]()
    for _, path in sorted(paths.items()):
        try:
            found.append(read_report(path))
        except FlowLakeError as error:
            problems.append(str(error))
    if problems:
        raise FlowLakeError("\n".join(problems))
    return tuple(found)


def read_report(path: Path) -> Report:
    """The report of a .sql file. Raises FlowLakeError, with file and line, for the first thing that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FlowLakeError(f"{printable(str(path))} cannot be read: {error}.") from None
    return parse_report(path, text)


def parse_report(path: Path, text: str) -> Report:
    """The report of a file with this text. Raises FlowLakeError as `read_report` does."""
    return _Parser(path, text).report()


def lacking(fields: Sequence[str]) -> str:
    """Why a report that needs these fields is left out."""
    return f"the flow logs lack {', '.join(fields)}"


class _Parser:
    """Reads one file. `at` is the line that an error is about."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        lines = text.splitlines()
        comments = list(takewhile(lambda line: line.startswith("--"), lines))
        self.query_lines = lines[len(comments) :]
        self.first_line = len(comments) + 1
        self.entries = list(self._entries(comments))

    def error(self, line: int, problem: str) -> FlowLakeError:
        return FlowLakeError(f"{printable(str(self.path))}, line {line}: {problem}")

    def report(self) -> Report:
        if not _NAME.fullmatch(self.path.stem):
            raise self.error(
                1, "the file's name is the report's: lower-case letters, digits and _, as in top_ports.sql."
            )
        found = self._once()
        columns = self._columns(*found["columns"])
        names = [column.name for column in columns]
        parameters = self._parameters()
        history = self._number("history", found, 0, 31)
        report = Report(
            name=self.path.stem,
            title=found["title"][1].rstrip("."),
            question=found["question"][1],
            reads=self._known(found["reads"], DATASETS, "dataset"),
            columns=columns,
            order=self._order(*found["order"], names),
            query=self._query([parameter.name for parameter in parameters], history),
            path=self.path,
            first_line=self.first_line,
            fields=self._known(found["fields"], FIELD_OF, "field of flow logs") if "fields" in found else (),
            history=history,
            rows=self._number("rows", found, DEFAULT_ROWS, 10_000),
            chart=self._chart(*found["chart"], names) if "chart" in found else None,
            alarm=self._alarm(found, names, [parameter.name for parameter in parameters]),
            parameters=parameters,
            note=found["note"][1] if "note" in found else "",
        )
        self._require_reads(report, found["reads"][0])
        return report

    def _entries(self, comments: Sequence[str]) -> Iterator[tuple[int, str, str, list[tuple[int, str]]]]:
        """Each key with its line, its value, and the lines below it that are indented."""
        entry: tuple[int, str, str, list[tuple[int, str]]] | None = None
        for number, line in enumerate(comments, 1):
            text = line[2:]
            if text.startswith("   ") and entry:
                entry[3].append((number, text.strip()))
                continue
            match = _KEY.fullmatch(text.strip())
            if not match:
                raise self.error(number, f"{line!r} is no header line, such as `-- title: …`. {_HEADER}")
            if entry:
                yield entry
            entry = (number, match["key"], match["value"].strip(), [])
        if entry:
            yield entry

    def _once(self) -> dict[str, tuple[int, str]]:
        found: dict[str, tuple[int, str]] = {}
        for number, key, value, more in self.entries:
            if key == "parameter":
                continue
            if key not in _ONCE:
                raise self.error(number, f"{key!r} is no key of the header. {_HEADER}")
            if key in found:
                raise self.error(number, f"the header says {key} twice.")
            separator = "\n" if key == "columns" else " "
            found[key] = (number, separator.join([value, *(text for _, text in more)]).strip(" "))
        for key in _REQUIRED:
            if not found.get(key, (0, ""))[1].strip():
                raise self.error(1, f"the header has no {key}. {_HEADER}")
        return found

    def _columns(self, number: int, text: str) -> tuple[Column, ...]:
        columns = []
        for offset, line in enumerate(text.splitlines()):
            if not line:
                continue
            match = _COLUMN.fullmatch(line)
            if not match:
                raise self.error(
                    number + offset,
                    f"{line!r} is no column. A column is written as `packets bigint: what it holds`; types: "
                    f"{', '.join(_TYPES)}.",
                )
            columns.append(Column(match["name"], match["type"], match["description"] or ""))
        names = [column.name for column in columns]
        if len(set(names)) < len(names):
            raise self.error(number, f"two columns have one name: {', '.join(names)}.")
        if (columns[-1].name, columns[-1].type) != (PARTITION_COLUMN, "string"):
            raise self.error(number, f"the last column has to be the day: `{PARTITION_COLUMN} string`.")
        return tuple(columns)

    def _parameters(self) -> tuple[Parameter, ...]:
        found: dict[str, Parameter] = {}
        for number, key, value, more in self.entries:
            if key != "parameter":
                continue
            match = _PARAMETER.fullmatch(" ".join([value, *(text for _, text in more)]))
            if not match or match["name"] in found or match["name"] in _PLACEHOLDERS:
                raise self.error(
                    number, f"{value!r} is no parameter, such as `attempts = 20: what it is`, or is there twice."
                )
            found[match["name"]] = Parameter(match["name"], match["value"], match["description"] or "")
        return tuple(found.values())

    def _known(self, entry: tuple[int, str], known: Mapping[str, object], what: str) -> tuple[str, ...]:
        number, text = entry
        names = tuple(name.strip() for name in text.split(","))
        for name in names:
            if name not in known:
                raise self.error(number, f"{name!r} is no {what}. There are: {', '.join(list(known)[:60])}.")
        return names

    def _order(self, number: int, text: str, names: Sequence[str]) -> tuple[tuple[str, bool], ...]:
        found = []
        for part in text.split(","):
            match = _ORDERED.fullmatch(part.strip())
            if not match or match["name"] not in names:
                raise self.error(number, f"{part.strip()!r} is no column to order by, such as `packets desc`.")
            found.append((match["name"], match["desc"] is not None))
        return tuple(found)

    def _number(self, key: str, found: Mapping[str, tuple[int, str]], default: int, most: int) -> int:
        if key not in found:
            return default
        number, text = found[key]
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise self.error(number, f"{key} is a number from 1 to {most}, and not {text!r}.")
        return int(text)

    def _chart(self, number: int, text: str, names: Sequence[str]) -> Chart:
        match = _CHART.fullmatch(text)
        by = tuple(name.strip() for name in match["by"].split(",")) if match else ()
        if not match or {match["value"], *by} - set(names):
            raise self.error(
                number, f"{text!r} is no chart, such as `bars of packets by sourceaddress`, of the columns."
            )
        return Chart(match["kind"], match["value"], by)

    def _alarm(
        self, found: Mapping[str, tuple[int, str]], names: Sequence[str], parameters: Sequence[str]
    ) -> Alarm | None:
        if ("alarm" in found) != ("says" in found):
            number, _ = found.get("alarm") or found["says"]
            raise self.error(number, "an alarm has a condition (alarm:) and a sentence (says:).")
        if "alarm" not in found:
            return None
        self._require_placeholders(found["alarm"][0], found["alarm"][1], [*parameters, *FRAGMENTS])
        number, sentence = found["says"]
        self._require_placeholders(number, sentence, [*names, *parameters])
        return Alarm(found["alarm"][1], sentence)

    def _query(self, parameters: Sequence[str], history: int) -> str:
        query = "\n".join(self.query_lines).strip()
        if not query:
            raise self.error(self.first_line, "there is no SQL below the header.")
        if query.endswith(";"):
            raise self.error(self.first_line + len(self.query_lines) - 1, "a query ends without a semicolon.")
        while self.query_lines and not self.query_lines[0].strip():
            self.query_lines.pop(0)
            self.first_line += 1
        known = [*_PLACEHOLDERS, *parameters, *FRAGMENTS]
        for number, line in enumerate(self.query_lines, self.first_line):
            self._require_placeholders(number, line, known)
        missing = [
            name for name in ("first", "last", *(("earliest",) if history else ())) if f"{{{name}}}" not in query
        ]
        if missing:
            raise self.error(
                self.first_line,
                f"the query does not use {{{missing[0]}}}: it would give rows of days that were not asked for. Write "
                f"WHERE {PARTITION_COLUMN} BETWEEN '{{first}}' AND '{{last}}'.",
            )
        for name in ("earliest", "history"):
            if f"{{{name}}}" in query and not history:
                raise self.error(
                    self.first_line, f"{{{name}}} is of the days before, and the header has no history, such as 7."
                )
        unused = [name for name in parameters if f"{{{name}}}" not in query and not self._in_header(name)]
        if unused:
            raise self.error(1, f"the parameter {unused[0]} is not used.")
        return query

    def _in_header(self, name: str) -> bool:
        return any(f"{{{name}}}" in value for _, key, value, _ in self.entries if key in ("alarm", "says"))

    def _require_placeholders(self, number: int, text: str, known: Sequence[str]) -> None:
        rest = _BRACES_OF_PATTERN.sub("", text)
        for match in PLACEHOLDER.finditer(rest):
            is_known = match["name"] in known and (match["argument"] is not None) == (match["name"] in FRAGMENTS)
            if not is_known:
                raise self.error(number, f"{match[0]} is no placeholder here. There are: {', '.join(known)}.")
        left = PLACEHOLDER.sub("", rest)
        if "{" in left or "}" in left:
            raise self.error(
                number, "a brace stands alone: a placeholder is {first}, and a repetition in a pattern is {2,5}."
            )

    def _require_reads(self, report: Report, number: int) -> None:
        code = re.sub("'[^']*'|--.*", "", report.query)
        named = {name for name in DATASETS if re.search(rf"\b{name}\b", code)}
        if named != set(report.reads):
            raise self.error(
                number,
                f"the header says that the query reads {', '.join(sorted(report.reads))}, and it reads "
                f"{', '.join(sorted(named)) or 'no dataset'}.",
            )
