"""The one table of data types agrees with Arrow, DuckDB and the engine's contract."""

import duckdb
import pyarrow as pa
import pytest

from resources.embedded.data_types import DATE, HIVE_TYPES, RESULT_TYPES, DataType
from resources.engine import FRAME_TYPES


@pytest.mark.parametrize("data_type", RESULT_TYPES, ids=lambda data_type: data_type.trino)
def test_duckdbs_type_is_arrows_type(data_type: DataType) -> None:
    with duckdb.connect() as connection:
        rows = connection.sql(f"SELECT CAST(NULL AS {data_type.duckdb}) AS x").to_arrow_table()
    assert rows.schema.field("x").type == pa.type_for_alias(data_type.arrow)


def test_every_type_of_a_result_has_a_pandas_type() -> None:
    assert {data_type.trino for data_type in RESULT_TYPES} == set(FRAME_TYPES)


def test_every_type_of_a_column_but_dates_is_a_type_of_results() -> None:
    assert {*HIVE_TYPES.values()} - {*RESULT_TYPES} == {DATE}
