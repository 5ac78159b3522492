"""What the tests of `make sql` share."""

import pytest
from lake import Lake
from support import DAY


@pytest.fixture
def filled(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The lake with a day of its own, as the settings in the environment name it."""
    assert lake.run(DAY).success
    monkeypatch.setenv("FLOWLAKE_BUCKET", str(lake.logs))
    monkeypatch.setenv("FLOWLAKE_RESULTS", str(lake.results))
    return lake
