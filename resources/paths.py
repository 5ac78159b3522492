"""Compares paths after it has followed links."""

import os
from pathlib import Path


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path is the folder, or lies in it. Links on both ways are followed; neither has to exist."""
    real_path, real_folder = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    return real_folder == real_path or real_folder in real_path.parents
