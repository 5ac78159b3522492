"""Errors about columns: in Trino's words, with what may be meant."""

import pytest
from small_bucket import SmallBucket

from resources.engine import QueryError

ERRORS = {
    "SELECT srcaddr FROM flows": "COLUMN_NOT_FOUND: line 1:8: Column 'srcaddr' cannot be resolved. Did you mean source"
    "address (srcaddr)? The columns of flows, with AWS's names in parentheses: version, account (account-id), ",
    'SELECT f."log-status" FROM flows f': "COLUMN_NOT_FOUND: line 1:10: Column 'log-status' cannot be resolved. Did "
    "you mean logstatus (log-status)?",
    "SELECT 1 FROM flows WHERE packets = 1": "COLUMN_NOT_FOUND: line 1:27: Column 'packets' cannot be resolved. Did "
    "you mean numpackets (packets)?",
    "SELECT\n  numpacket FROM flows": "COLUMN_NOT_FOUND: line 2:3: Column 'numpacket' cannot be resolved. Did you mean "
    "numpackets (packets)?",
    "SELECT g.action FROM flows f": "COLUMN_NOT_FOUND: line 1:10: Column 'g.action' cannot be resolved.",
    "SELECT vpc_id FROM flows": "COLUMN_NOT_FOUND: line 1:8: Column 'vpc_id' cannot be resolved. The columns of flows",
    "SELECT x FROM (SELECT action FROM flows)": "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved.\nThe state",
    "SELECT action FROM flows f JOIN flows g ON f.dt = g.dt": "AMBIGUOUS_NAME: line 1:8: Column 'action' is ambiguous.",
    "SELECT 1 FROM flows f JOIN flows g USING (foo)": "COLUMN_NOT_FOUND: line 1:43: Column 'foo' cannot be resolved.",
}


@pytest.mark.parametrize("statement", ERRORS)
def test_an_unknown_column_is_told_with_those_that_are_there(bucket: SmallBucket, statement: str) -> None:
    with pytest.raises(QueryError) as error:
        bucket.engine.execute(statement)
    assert str(error.value).startswith(ERRORS[statement])
