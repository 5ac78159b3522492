"""Whether a path lies in a folder, by whatever links."""

from pathlib import Path

import pytest

from resources.paths import is_within


@pytest.mark.parametrize(
    ("path", "within"),
    [
        ("folder", True),
        ("folder/a/b", True),
        ("folder/../folder/a", True),
        ("link/a", True),
        ("folder/out", False),
        ("folder-2", False),
        (".", False),
    ],
)
def test_links_count_as_where_they_lead(tmp_path: Path, path: str, within: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "folder/out").symlink_to(tmp_path)
    assert is_within(tmp_path / path, tmp_path / "folder") is within
    assert is_within(tmp_path / path, tmp_path / "link") is within
