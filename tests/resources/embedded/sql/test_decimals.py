"""Decimals: their values, their scale, and what is refused, against Trino's documentation and a model of its rules."""

from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from decimal_model import Expression, Generator, NoValueError
from small_bucket import SmallBucket, TwoBuckets, record

from resources.engine import QueryError

COLUMNS = {"t": "tinyint", "s": "smallint", "i": "integer", "b": "bigint"}
ROWS: list[dict[str, object]] = [
    {"t": -7, "s": 300, "i": -70000, "b": 5_000_000_000},
    {"t": 1, "s": 2, "i": 3, "b": 4},
    {"t": None, "s": None, "i": 12, "b": 0},
]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> SmallBucket:
    """Three records of 1, 2 and 3 packets, and a table of numbers."""
    bucket = SmallBucket(tmp_path_factory.mktemp("decimals"))
    bucket.put_day("2024-03-01", [record(1), record(2, action="ACCEPT"), record(3)])
    lines = [" ".join("\\N" if value is None else str(value) for value in row.values()) for row in ROWS]
    bucket.create("numbers", "t tinyint, s smallint, i int, b bigint", "\n".join(lines).encode())
    return bucket


VALUES = {
    # Literals have the digits that are written.
    "1024.0": "1024.0",
    "0.50": "0.50",
    ".5": "0.5",
    "5.": "5",
    "-1.25": "-1.25",
    "DECIMAL '1.50'": "1.50",
    "DECIMAL '-5' / 2": "-3",
    # Arithmetic ("Decimal functions and operators", Trino documentation).
    "1.5 + 0.25": "1.75",
    "1 - 0.50": "0.50",
    "1.50 * 2.0": "3.000",
    "1 / 3.0": "0.3",
    "1.000 / 3": "0.333",
    "2 / 3.00": "0.67",
    "-2 / 3.00": "-0.67",
    "1 / 8.00": "0.13",
    "-1 / 8.00": "-0.13",
    "5 / 0.001": "5000.000",
    "7.5 % 2": "1.5",
    "-7.5 % 2": "-1.5",
    "CAST(NULL AS bigint) / 0.0": None,
    "sum(numbytes) / 1024.0 / 1024.0": "0.0",
    "round(sum(numbytes * 10000) / 1024.0 / 1024.0, 2)": "2.3",
    "numpackets * 100.0 / sum(numpackets) OVER ()": "16.7",
    # Aggregates.
    "sum(numpackets * 1.50)": "9.00",
    "avg(numpackets * 1.5)": "3.0",
    "avg(numpackets * 1.0) FILTER (WHERE numpackets < 3)": "1.5",
    "avg(numpackets * 0.25) FILTER (WHERE numpackets > 1)": "0.63",
    "avg(DISTINCT numpackets / 2.0)": "1.0",
    "avg(numpackets * 1.0) FILTER (WHERE numpackets > 9)": None,
    "max(numpackets * 1.5)": "4.5",
    "max_by(numpackets * 1.5, numpackets)": "4.5",
    "count(DISTINCT numpackets * 1.5)": 3,
    # Functions.
    "round(2.5)": "3",
    "round(-2.5)": "-3",
    "round(2.345, 2)": "2.350",
    "round(2.345, 5)": "2.345",
    "round(155.5, -1)": "160.0",
    "round(155.5, -4)": "0.0",
    "ceil(1.1)": "2",
    "floor(-1.1)": "-2",
    "truncate(-1.9)": "-1",
    "truncate(1.987, 1)": "1.900",
    "truncate(7)": "7",
    "abs(-1.5)": "1.5",
    "sign(-1.5)": "-1",
    "mod(7.5, 2)": "1.5",
    "power(1.5, 2)": 2.25,
    "sqrt(2.25)": 1.5,
    "nullif(1.50, 1.5)": None,
    "nullif(1.50, 2)": "1.50",
    # Types that stand together.
    "1.5 + 1e0": 2.5,
    "1.5 > 1": True,
    "0.1 = 1e-1": True,
    "9007199254740993 = 9007199254740992.0": False,
    "1.5 IN (1, 1.50)": True,
    "2 BETWEEN 1.5 AND 2.5": True,
    "(1, 2.0) IN ((1.0, 2))": True,
    "coalesce(NULL, 1, 2.50)": "1.00",
    "if(1 < 2, 1, 2.5)": "1.0",
    "CASE WHEN 1 < 2 THEN 1.5 ELSE 2e0 END": 1.5,
    "CASE 1.0 WHEN 1 THEN 'one' END": "one",
    "greatest(1, 2.25)": "2.25",
    "(SELECT 1.50)": "1.50",
    "element_at(array_agg(numpackets * 1.5), 1) > 0": True,
    # Types.
    "typeof(1024.0)": "decimal(5,1)",
    "typeof(0.5)": "decimal(1,1)",
    "typeof(0012.50)": "decimal(4,2)",
    "typeof(sum(numbytes) / 1024.0 / 1024.0)": "decimal(22,1)",
    "typeof(sum(numpackets) * 1.0)": "decimal(21,1)",
    "typeof(avg(numpackets * 1.0))": "decimal(21,1)",
    "typeof(sum(numpackets * 1.0))": "decimal(38,1)",
    "typeof(round(1.255, 2))": "decimal(5,3)",
    "typeof(round(1.255))": "decimal(2,0)",
    "typeof(coalesce(1, 1.5))": "decimal(11,1)",
    "typeof(2147483648)": "bigint",
    "typeof(7 / 2)": "integer",
    "typeof(1.5 + 1e0)": "double",
    # Casts.
    "CAST('1.255' AS decimal(5, 2))": "1.26",
    "CAST('-.5' AS decimal)": "-1",
    "CAST(2.675e0 AS decimal(3, 2))": "2.68",
    "CAST(1.5e-7 AS decimal(10, 7))": "0.0000002",
    "CAST(1.5e20 AS decimal(30, 1))": "150000000000000000000.0",
    "CAST(7 AS decimal(3, 1))": "7.0",
    "CAST(true AS decimal(2, 1))": "1.0",
    "CAST(1.25 AS decimal(2, 1))": "1.3",
    "CAST(2.5 AS bigint)": 3,
    "CAST(-2.5 AS integer)": -3,
    "CAST(0.50 AS varchar)": "0.50",
    "CAST(-0.05 AS varchar)": "-0.05",
    "CAST(0.1 AS double)": 0.1,
    "CAST(0.0 AS boolean)": False,
    "try(1.0 / 0)": None,
    "try(sum(numbytes) / (sum(numpackets) - 6.0))": None,
    "try(CAST('x' AS decimal(3, 1)))": None,
    "TRY_CAST('x' AS decimal(3, 1))": None,
    "TRY_CAST('1_0' AS decimal(3, 1))": None,
    "TRY_CAST(100 AS decimal(2, 1))": None,
    "TRY_CAST(0e0 / 0 AS decimal(2, 1))": None,
}


@pytest.mark.parametrize("value", VALUES)
def test_a_value_and_its_scale(value: str, bucket: SmallBucket) -> None:
    (found, *_), *_ = bucket.rows(f"SELECT {value} FROM flows WHERE dt = '2024-03-01'")
    expected = VALUES[value]
    if isinstance(expected, str) and not isinstance(found, str):
        assert isinstance(found, Decimal)
        assert f"{found:f}" == expected
    else:
        assert found == expected
        assert type(found) is type(expected)


QUERIES = {
    "SELECT x FROM (SELECT 1.5 AS x UNION ALL SELECT 2 UNION ALL SELECT 2.255) ORDER BY x": ["1.500", "2.000", "2.255"],
    "SELECT 1 AS x UNION SELECT 1.00": ["1.00"],
    "SELECT 1.5 AS x UNION ALL SELECT CAST(NULL AS bigint) ORDER BY x": ["1.5", "None"],
    "SELECT x FROM (SELECT 1.5 AS x UNION ALL SELECT 2e0) ORDER BY x": ["1.5", "2.0"],
    "SELECT x * 2 FROM (VALUES 1.5, 2, 3.25) AS t (x) ORDER BY 1": ["3.00", "4.00", "6.50"],
    "SELECT x FROM UNNEST(ARRAY[1, 2.5]) AS t (x) ORDER BY x": ["1.0", "2.5"],
    "SELECT avg(x) FROM (SELECT 1.5 AS x UNION ALL SELECT 1.25)": ["1.38"],
    "WITH p AS (SELECT 100.0 AS pct) SELECT pct * i / 3 FROM numbers CROSS JOIN p WHERE i = 3": ["100.0"],
    "SELECT avg(i * 1.0) OVER (ORDER BY i) FROM numbers ORDER BY i": ["-70000.0", "-34998.5", "-23328.3"],
    "SELECT i / 2.0 AS half FROM numbers WHERE i > 0 GROUP BY i / 2.0 ORDER BY half": ["1.5", "6.0"],
    "SELECT DISTINCT s * 1.5 FROM numbers WHERE s > 0 ORDER BY s * 1.5": ["3.0", "450.0"],
    "SELECT i FROM numbers WHERE i > 2.5 AND i < 11.99": ["3"],
    "SELECT lag(i * 1.5) OVER (ORDER BY i) FROM numbers ORDER BY i": ["None", "-105000.0", "4.5"],
    "SELECT n.i FROM numbers n JOIN (SELECT 3.0 AS x) USING (x)": "COLUMN_NOT_FOUND",
    "SELECT a.i FROM numbers a JOIN (SELECT 3.0 AS i) b ON a.i = b.i": ["3"],
    "SELECT i FROM numbers WHERE i IN (SELECT 3.0)": ["3"],
    "SELECT i FROM numbers WHERE i >= ALL (SELECT 3.5)": ["12"],
}


@pytest.mark.parametrize("query", QUERIES)
def test_the_rows_of_a_query(query: str, bucket: SmallBucket) -> None:
    expected = QUERIES[query]
    if isinstance(expected, str):
        with pytest.raises(QueryError, match=expected):
            bucket.rows(query)
    else:
        assert [str(value) for (value,) in bucket.rows(query)] == expected


MISTAKES = {
    "1.0 / 0": "DIVISION_BY_ZERO: Division by zero",
    "1.5 % 0.0": "DIVISION_BY_ZERO: Division by zero",
    "99999999999999999999999999999999999999. + 1": "NUMERIC_VALUE_OUT_OF_RANGE: Decimal overflow",
    "99999999999999999999999999999999999999. * 2": "NUMERIC_VALUE_OUT_OF_RANGE: Decimal overflow",
    "99999999999999999999999999999999999999.5": "INVALID_LITERAL: '99999999999999999999999999999999999999.5'",
    "DECIMAL 'x'": "INVALID_LITERAL: 'x' is not a valid DECIMAL literal",
    "9223372036854775808": "INVALID_LITERAL: Invalid numeric literal: 9223372036854775808",
    "0.00000000000000000001 * 0.00000000000000000001": "INVALID_FUNCTION_ARGUMENT: DECIMAL scale must be in range",
    "CAST(1 AS decimal(39, 0))": "INVALID_FUNCTION_ARGUMENT: DECIMAL precision must be in range [1, 38]: 39",
    "CAST(1 AS decimal(2, 3))": "INVALID_FUNCTION_ARGUMENT: DECIMAL scale must be in range [0, precision (2)]: 3",
    "CAST(100 AS decimal(2, 0))": "INVALID_CAST_ARGUMENT: Cannot cast '100' to DECIMAL(2, 0)",
    "CAST(9.96 AS decimal(2, 1))": "INVALID_CAST_ARGUMENT: Cannot cast '9.96' to DECIMAL(2, 1)",
    "CAST('9.96' AS decimal(2, 1))": "INVALID_CAST_ARGUMENT: Cannot cast '9.96' to DECIMAL(2, 1)",
    "CAST('x' AS decimal(2, 1))": "INVALID_CAST_ARGUMENT: Cannot cast 'x' to DECIMAL(2, 1)",
    "CAST(0e0 / 0 AS decimal(2, 1))": "INVALID_CAST_ARGUMENT: Cannot cast 'NaN' to DECIMAL(2, 1)",
    "CAST(99999999999.5 AS integer)": "INVALID_CAST_ARGUMENT: Cannot cast '100000000000' to INTEGER",
    "1.5 || 'a'": "TYPE_MISMATCH: values of type number and varchar",
    "length(1.5)": "TYPE_MISMATCH: values of type number and varchar",
    "CAST('1e2' AS decimal(5, 1))": "NOT_SUPPORTED: the embedded Athena does not read this text as a decimal",
    "stddev(i * 1.0)": "NOT_SUPPORTED: the embedded Athena does not execute a decimal (CAST it to double) in STDDEV",
    "round(1.25, i)": "NOT_SUPPORTED: the embedded Athena does not execute a number of places that is no constant",
    "truncate(1.25e0, 1)": "NOT_SUPPORTED: the embedded Athena does not execute truncate to a number of places",
}


@pytest.mark.parametrize("value", MISTAKES)
def test_a_mistake_is_told_in_trinos_words(value: str, bucket: SmallBucket) -> None:
    with pytest.raises(QueryError) as mistake:
        bucket.rows(f"SELECT {value} FROM numbers")
    assert str(mistake.value).startswith(MISTAKES[value])


def _random_expressions(seed: int, count: int) -> list[Expression]:
    """Expressions that have a value in every row."""
    generator, found = Generator(Random(seed), COLUMNS), list[Expression]()
    while len(found) < count:
        try:
            expression = generator.number(generator.random.randint(1, 3))
            if len(expression.sql) < 400 and all(expression.value(row) is not Ellipsis for row in ROWS):
                found.append(expression)
        except NoValueError:
            continue
    return found


@pytest.mark.parametrize("seed", range(4))
def test_random_expressions_have_the_values_of_the_model(seed: int, bucket: SmallBucket) -> None:
    expressions = _random_expressions(seed, 40)
    columns = ", ".join(f"{expression.sql} AS c{number}" for number, expression in enumerate(expressions))
    for row, values in zip(ROWS, bucket.rows(f"SELECT {columns} FROM numbers ORDER BY i"), strict=True):
        for expression, found in zip(expressions, values, strict=True):
            expected = expression.value(row)
            assert (type(found), str(found)) == (type(expected), str(expected)), expression.sql


def test_unload_writes_decimals(tmp_path: Path) -> None:
    bucket = TwoBuckets(tmp_path)
    bucket.put_day("2024-03-01", [record(1), record(2)])
    query = "SELECT avg(numpackets * 1.0) AS mean, sum(numbytes) / 1024.00 AS kb FROM flows"
    result = bucket.unload(query, options="WITH (format = 'PARQUET')")
    assert result.written
    (path,) = (tmp_path / "results" / "out").rglob("*.parquet")
    table = pq.read_table(path)
    assert list(map(str, table.schema.types)) == ["decimal128(21, 1)", "decimal128(23, 2)"]
    assert table.to_pylist() == [{"mean": Decimal("1.5"), "kb": Decimal("0.12")}]
