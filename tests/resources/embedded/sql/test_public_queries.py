"""Public queries over flow logs: the embedded engine gives the rows that SQLite gives, or refuses by name, rarely.

The queries are in public_queries/, a file for each source. They keep the clauses, functions and operators of their
source; names, constants and layout are ours. A file's format::

    -- source: where they come from
    -- query: name
    -- adapted: what is not as in the source (optional)
    -- rows: any (optional: LIMIT without ORDER BY; any of SQLite's rows will do)
    -- arrays: in any order (optional)
    -- Athena: COLUMN_NOT_FOUND (optional: Athena does not execute it, and this is its error)
    SELECT … in Athena's SQL; several statements end with `;`
    -- in SQLite:
    SELECT … by hand; where this is missing, SQLite reads the same text

The data has the odd records too: NODATA and SKIPDATA with `-`, IPv6, other protocols, REJECT.
"""

import random
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from small_bucket import SmallBucket
from sqlite_oracle import answer, comparable, in_any_order, oracle
from support import day_locations
from trino_sql_validator import validate

from flowlogs.fields import FIELDS
from flowlogs.layout import LogSource
from flowlogs.statements import TableName, add_partitions
from resources.engine import QueryError

FOLDER = Path(__file__).parent / "public_queries"
COLUMNS = FIELDS[:29]
"""The fields of versions 2 to 5, which the public queries use."""

FIRST_DAY, DAYS, RECORDS_A_DAY = date(2024, 3, 1), 8, 50
SOURCE = LogSource("flow-logs", "123456789012", "eu-west-1")

THREATS = [("203.0.113.10", "known"), ("8.8.8.8", "test")]

MOST_REFUSED = 0.05
"""The share of the queries that Athena executes which may be refused."""


@dataclass(frozen=True)
class PublicQuery:
    """A query with its translation; `error` is Athena's, if Athena does not execute it."""

    name: str
    statements: tuple[str, ...]
    sqlite: str
    any_rows: bool
    arrays_in_any_order: bool
    error: str


def read_queries() -> Iterator[PublicQuery]:
    for path in sorted(FOLDER.glob("*.sql")):
        head, *entries = re.split(r"(?m)^-- query: ", path.read_text(encoding="utf-8"))
        assert head.startswith("-- source: ")
        for entry in entries:
            name, _, rest = entry.partition("\n")
            header = dict(re.findall(r"(?m)^-- (rows|arrays|Athena): (.*)$", rest))
            text, _, translation = re.sub(r"(?m)^-- (rows|arrays|Athena|adapted|  ).*\n", "", rest).partition(
                "-- in SQLite:\n"
            )
            statements = tuple(part.strip() for part in text.split(";\n"))
            yield PublicQuery(
                name=f"{path.stem}: {name}",
                statements=statements,
                sqlite=translation.strip() or statements[-1],
                any_rows="rows" in header,
                arrays_in_any_order="arrays" in header,
                error=header.get("Athena", ""),
            )


QUERIES = list(read_queries())


def made_records() -> Iterator[tuple[date, list[object]]]:
    """By a seed: each record's day, and its values; None for a number that is written as `-`."""
    dice = random.Random(15)
    internal = ["10.0.1.50", "10.0.1.51", "10.0.1.52", "10.10.0.7", "10.20.0.9"]
    external = ["203.0.113.10", "198.51.100.7", "8.8.8.8", "172.16.5.4", "192.168.1.4", "2001:db8::1", "172.40.0.1"]
    for number in range(DAYS * RECORDS_A_DAY):
        day = FIRST_DAY + timedelta(days=number // RECORDS_A_DAY)
        start = (
            1_709_251_200
            + 86_400 * (number // RECORDS_A_DAY)
            + 1_700 * (number % RECORDS_A_DAY)
            + dice.randrange(1_600)
        )
        interface = dice.randrange(5)
        fixed = [2, "123456789012", f"eni-{interface}"]
        times = [start, start + dice.choice([0, 30, 59, 120, 599])]
        if dice.random() < 0.06:
            status = dice.choice(["NODATA", "SKIPDATA"])
            blank: list[object] = ["-", "-", None, None, None, None, None]
            yield day, [*fixed, *blank, *times, "-", status, *_more(dice, interface, "-", "-", None)]
            continue
        own, other = internal[interface], dice.choice([*external, *internal])
        outgoing = dice.random() < 0.5
        source, destination = (own, other) if outgoing else (other, own)
        protocol = dice.choice([6, 6, 6, 6, 17, 17, 1, 47])
        ports = [dice.choice([443, 22, 53, 51515]), dice.choice([22, 443, 443, 80, 53, 3389, 3306, 8080, 445, 50001])]
        packets = dice.choice([1, 2, 9, 40, 80, 150, 2_000])
        counts = [packets, packets * dice.randrange(40, 1400)]
        action = "REJECT" if dice.random() < 0.3 else "ACCEPT"
        addresses = [source, destination, *(ports if protocol in (6, 17) else [0, 0]), protocol, *counts]
        yield day, [*fixed, *addresses, *times, action, "OK", *_more(dice, interface, source, destination, outgoing)]


def _more(dice: random.Random, interface: int, source: str, destination: str, outgoing: bool | None) -> list[object]:
    """The fields of versions 3 to 5."""
    if outgoing is None:
        return ["vpc-1", f"subnet-{interface % 2}", "-", None, "-", "-", "-", "eu-west-1", "euw1-az1", *["-"] * 5, None]
    return [
        *("vpc-1", f"subnet-{interface % 2}", f"i-{interface:016}" if interface else "-"),
        *(dice.choice([1, 2, 3, 18, 19]), "IPv6" if ":" in source + destination else "IPv4", source, destination),
        *(dice.choice(["eu-west-1", "eu-west-2"]), "euw1-az1", "-", "-"),
        *(dice.choice(["-", "S3", "AMAZON"]), dice.choice(["-", "-", "S3", "DYNAMODB"])),
        *(("egress", dice.choice([1, 3, 8])) if outgoing else ("ingress", None)),
    ]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    """The records under both of AWS's ways to name the columns, and a table of known threats."""
    bucket = SmallBucket(tmp_path_factory.mktemp("public-queries"))
    days: dict[date, list[str]] = {}
    for day, values in made_records():
        days.setdefault(day, [" ".join(field.header for field in COLUMNS)]).append(
            " ".join("-" if value is None else str(value) for value in values)
        )
    for day, lines in days.items():
        bucket.put(f"{SOURCE.day_prefix(day)}a.log", "".join(f"{line}\n" for line in lines).encode())
    for table, names in _tables().items():
        columns = ", ".join(f"`{name}` {field.type}" for name, field in zip(names, COLUMNS, strict=True))
        bucket.engine.execute(
            f"CREATE EXTERNAL TABLE {table} ({columns}) PARTITIONED BY (dt string) ROW FORMAT DELIMITED "
            f"FIELDS TERMINATED BY ' ' LOCATION 's3://{SOURCE.bucket}/{table}/' "
            "TBLPROPERTIES ('skip.header.line.count' = '1')"
        )
        for statement in add_partitions(TableName("lake", table), day_locations(SOURCE, days)):
            bucket.engine.execute(statement)
    bucket.create(
        "incident_iocs", "threat_ip string, threat_comment string", b"203.0.113.10,known\n8.8.8.8,test\n", ","
    )
    return bucket


def _tables() -> dict[str, list[str]]:
    return {
        "vpc_flow_logs": [field.column for field in COLUMNS],
        "flow_logs": [field.underscored for field in COLUMNS],
    }


@pytest.fixture(scope="module")
def sqlite() -> sqlite3.Connection:
    """The same tables in SQLite."""
    database = oracle()
    for table, names in _tables().items():
        columns = ", ".join(f'"{name}"' for name in (*names, "dt"))
        database.execute(f"CREATE TABLE {table} ({columns})")
        database.executemany(
            f"INSERT INTO {table} VALUES ({', '.join('?' * (len(names) + 1))})",
            [[*values, str(day)] for day, values in made_records()],
        )
    database.execute("CREATE TABLE incident_iocs (threat_ip, threat_comment)")
    database.executemany("INSERT INTO incident_iocs VALUES (?, ?)", THREATS)
    return database


def rows_or_refusal(lake: SmallBucket, query: PublicQuery) -> list[tuple[object, ...]] | QueryError:
    """The rows of the last statement, or the error of the first one that fails."""
    try:
        *before, last = query.statements
        for statement in before:
            lake.engine.execute(statement)
        return lake.rows(last)
    except QueryError as refusal:
        return refusal


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_rows_are_those_of_an_independent_engine(
    lake: SmallBucket, sqlite: sqlite3.Connection, query: PublicQuery
) -> None:
    found = rows_or_refusal(lake, query)
    if isinstance(found, QueryError):
        # A function that Athena does not have either is refused by its name.
        refused = {"NOT_SUPPORTED"} if query.error in ("", "FUNCTION_NOT_FOUND") else set()
        assert found.code in refused | {query.error}, str(found)
        return
    assert not query.error
    ours, theirs = comparable(found, arrays_in_any_order=query.arrays_in_any_order), answer(sqlite, query.sqlite)
    if query.any_rows:
        limit = int(re.findall(r"LIMIT (\d+)", query.statements[-1])[-1])
        assert len(ours) == min(limit, len(theirs))
        assert not Counter(ours) - Counter(theirs)
    elif "ORDER BY" in re.sub(r"\([^()]*\)", "", query.statements[-1]):
        assert ours == theirs
    else:
        assert in_any_order(ours) == in_any_order(theirs)


def test_trino_parses_every_query_but_those_with_a_syntax_error() -> None:
    unread = {query.name for query in QUERIES for statement in query.statements if not validate(statement).valid}
    assert unread == {query.name for query in QUERIES if query.error == "SYNTAX_ERROR"}


def test_few_queries_are_refused_and_each_by_name(lake: SmallBucket) -> None:
    executed_by_athena = [query for query in QUERIES if not query.error and not query.name.startswith("own_queries")]
    refused = {
        query.name: str(found)
        for query in executed_by_athena
        if isinstance(found := rows_or_refusal(lake, query), QueryError)
    }
    assert len(executed_by_athena) >= 100
    assert len(refused) <= MOST_REFUSED * len(executed_by_athena), "\n\n".join(
        f"{name}: {words.partition('The statement was:')[0]}" for name, words in refused.items()
    )


def test_the_data_makes_the_answers_tell_something(sqlite: sqlite3.Connection) -> None:
    """No query compares nothing with nothing, but for one that asks for the last five minutes."""
    empty = [query.name for query in QUERIES if not query.error and not answer(sqlite, query.sqlite)]
    assert [name.partition(" (")[0] for name in empty] == ["blogs_and_repositories: the last five minutes"]
