"""The arguments of the make commands: variables, the folder of logs, the day and numbers."""

import os
import re
import stat
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from pipelines.settings import Settings, read_settings
from pipelines.targets import build_target

if TYPE_CHECKING:
    from resources.bucket import Bucket

VARIABLES = {"run": ("LOGS", "DATE"), "sql": ("Q", "LOGS", "ROWS", "WRITE"), "dev": ("LOGS", "PORT"), "reports": ()}
"""The variables of each make command."""


_SYNONYMS = {
    **dict.fromkeys(("LOG", "FOLDER", "DIR", "BUCKET"), "LOGS"),
    **dict.fromkeys(("DAY", "DATES"), "DATE"),
    **dict.fromkeys(("QUERY", "SQL", "STATEMENT"), "Q"),
    **dict.fromkeys(("LIMIT", "ROW"), "ROWS"),
}


_ENVIRONMENT_VARIABLES = re.compile(r"\w+_\w+|BIN|HOME|LANG|MAKEFLAGS|PATH|PYTHON|PYTHONPATH|SHELL|TMPDIR|TZ")
"""Variables that make passes on: settings (FLOWLAKE_…, AWS_…), and those of the programs that it starts."""


def require_variables(command: str, typed: str | None) -> None:
    """Raise FlowLakeError for an unknown variable, which make would ignore.

    `typed` are the names of the variables on make's command line; without make it is None, and nothing is checked.
    Variables before make are in the environment, where most belong to other programs. There, only names that are
    almost the name of a variable are errors.
    """
    if typed is None:
        return
    known = VARIABLES[command]
    for name in typed.split():
        near = get_close_matches(name.upper(), known, n=1, cutoff=0.7)
        meant = _SYNONYMS.get(name.upper()) or (near[0] if near else None)
        if name not in known and meant in known:
            raise FlowLakeError(f"`make {command}` has no variable {name}. Did you mean {meant}=…?")
        if name not in known and not _ENVIRONMENT_VARIABLES.fullmatch(name):
            takes = ", ".join(f"{variable}=…" for variable in known)
            raise FlowLakeError(f"`make {command}` has no variable {name}. It takes {takes}.")
    for name, value in os.environ.items():
        if name in known and not value and name != "Q":  # of which `make sql` says more
            raise FlowLakeError(f"{name}= is empty: give it a value, or leave it out.")
        for variable in known if name not in known else ():
            if _is_typo_of(name, variable):
                raise FlowLakeError(
                    f"`make {command}` has no variable {name}, which is set in the environment. Did you mean "
                    f"{variable}=…? If not, unset it: unset {name}"
                )


def _is_typo_of(name: str, variable: str) -> bool:
    """Whether a name is another spelling: in another case, with one letter more, or in another order (4 letters or
    more).
    """
    upper = name.upper()
    if upper == variable or min(len(name), len(variable)) < 4:
        return upper == variable
    one_left_out = {upper[:at] + upper[at + 1 :] for at in range(len(upper))}
    return sorted(upper) == sorted(variable) or variable in one_left_out


def whole_number(variable: str, text: str) -> int:
    if not re.fullmatch("-?[0-9]+", text):
        raise FlowLakeError(f"{variable}={text} is not a number: write digits alone, such as {variable}=4000.")
    if text.startswith("-") or not text.strip("0"):
        raise FlowLakeError(f"{variable}={text} is too small: it is at least 1, such as {variable}=4000.")
    number = text.lstrip("0")
    if len(number) > 9:
        raise FlowLakeError(f"{variable}={text} is too large: it is at most 999999999, such as {variable}=4000.")
    return int(number)


def settings_for(logs: str | None) -> Settings:
    """The settings. With `logs`, that folder is the bucket, relative to the current folder."""
    if logs is not None:
        os.environ["FLOWLAKE_TARGET"] = "embedded"
        os.environ["FLOWLAKE_BUCKET"] = str(parse_logs(logs))
    settings = read_settings()
    if settings.target == "embedded" and not settings.is_default_bucket:
        build_target(settings).bucket.ensure()
    return settings


def parse_logs(logs: str) -> Path:
    """The folder that LOGS names. Raises FlowLakeError, which quotes LOGS, where it is not a folder."""
    if "://" in logs:
        raise FlowLakeError(
            f"LOGS={logs} is an address, and LOGS names a folder. Copy the bucket into one (aws s3 sync {logs} "
            "<folder>), or read it where it is, with Athena: FLOWLAKE_TARGET=aws and FLOWLAKE_BUCKET=<its name>."
        )
    path = Path(logs)
    try:
        path = Path.cwd() / path.expanduser()
        if logs and stat.S_ISDIR(path.stat().st_mode):
            with os.scandir(path):  # is allowed
                return path
        problem = "it is not a folder" if logs else "it is empty"
    except FileNotFoundError:
        link = f" is a link to {path.readlink()}, which" if path.is_symlink() else ""
        problem = f"{path}{link} does not exist"
    except (OSError, RuntimeError) as error:  # the second one: the home of a user that does not exist
        problem = f"it cannot be read ({getattr(error, 'strerror', error)})"
    raise FlowLakeError(
        printable(f"LOGS={logs}: {problem}. Name the folder that contains AWSLogs, as `aws s3 sync` leaves it.")
    )


def choose_day(text: str | None, settings: Settings, bucket: "Bucket") -> date:
    """The day that DATE names; else the last day of a folder of logs that is over; else yesterday (UTC)."""
    today = datetime.now(timezone.utc).date()
    yesterday = today - timedelta(days=1)
    if text:
        day = parse_day(text)
    elif settings.target == "aws" or settings.is_default_bucket:
        day = yesterday
    else:
        delivered = bucket.delivered_days()
        day = max((day for day in delivered if day <= yesterday), default=today if today in delivered else yesterday)
    if not settings.start_date <= day <= today:
        raise FlowLakeError(
            f"{day} is outside the daily partitions, which run from {settings.start_date} (FLOWLAKE_START_DATE) to "
            f"{today}, today (UTC). Choose another DATE, or an earlier FLOWLAKE_START_DATE."
        )
    return day


def parse_day(text: str) -> date:
    with suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    raise FlowLakeError(f"DATE={text} is not a day: write it as year-month-day, such as 2021-09-02.")
