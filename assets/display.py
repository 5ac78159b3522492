"""Frames as people read them: addresses and interfaces with their names, ports with their services, times as times.

Files keep the raw values. Values and names come from outside and stay as they are: whoever prints them escapes, as
tables.py does for Markdown and CSV. Plain functions, no Dagster and no I/O.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from assets.names import NO_NAMES, Names
from assets.tables import plain_rows, with_times
from flowlogs.service_names import TCP, UDP, protocol_name, service_name

if TYPE_CHECKING:
    import pandas as pd

_PACKET_ADDRESSES = ("pkt_srcaddr", "pkt_dstaddr")

_INTERFACE_COLUMNS = ("interfaceid", "next_hop_interface_id")

_TAG_COLUMNS = ("instance_tag", "interface_tag")
"""The names that the log itself has of the interface that recorded, the first one that a row has."""

_OWN_ADDRESS: Mapping[object, str] = {"egress": "sourceaddress", "ingress": "destinationaddress"}
"""The column that holds the recording interface's own address, by ``flow_direction``."""

_ABSENT = ("", "-")


def for_people(frame: "pd.DataFrame", names: Names = NO_NAMES) -> "pd.DataFrame":
    """The frame with text in its columns of addresses, interfaces, ports, protocols and times; the others unchanged.

    NULL stays NULL. Names in the log itself win, where a row has them: they are those of its time.
    """
    rows: list[dict[object, object]] = [dict(zip(frame.columns, row, strict=True)) for row in plain_rows(frame)]
    shown = with_times(frame)
    texts: dict[str, pd.Series] = {}
    for column in map(str, frame.columns):
        text = _text_of(column, names)
        if text is not None:
            values = [None if row[column] is None else text(row[column], row) for row in rows]
            texts[column] = _series(values, frame)
    result: pd.DataFrame = shown.assign(**texts)
    return result


def _text_of(column: str, names: Names) -> Callable[[object, Mapping[object, object]], str] | None:
    """How a value of a column is shown, given its row; None for a column that is shown as it is."""
    if column.endswith("address") or column in _PACKET_ADDRESSES:
        return lambda value, row: _with_name(value, _own_name(column, row) or names.address(str(value)))
    if column in _INTERFACE_COLUMNS:
        tagged = column == "interfaceid"
        return lambda value, row: _with_name(value, (tagged and _tag(row)) or names.interface(str(value)))
    if column.endswith("port"):
        return lambda value, row: _words(value, _service(value, row))
    if column == "protocol":
        return lambda value, _: _words(value, protocol_name(_number(value)))
    return None


def _own_name(column: str, row: Mapping[object, object]) -> str:
    """The tag in the log for the address of a column, where that is the address of the recording interface."""
    return _tag(row) if _OWN_ADDRESS.get(row.get("flow_direction")) == column else ""


def _tag(row: Mapping[object, object]) -> str:
    """The name that a row has of its interface. Flow logs percent-encode it ("Flow log records", VPC user guide)."""
    found = (row.get(column) for column in _TAG_COLUMNS)
    return next((unquote(tag) for tag in found if isinstance(tag, str) and tag not in _ABSENT), "")


def _service(value: object, row: Mapping[object, object]) -> str | None:
    port, protocol = _number(value), row.get("protocol")
    if protocol is not None:
        return service_name(port, _number(protocol))
    return service_name(port, TCP) or service_name(port, UDP)


def _number(value: object) -> int:
    """An integer; -1, which names nothing, for anything else."""
    try:
        return int(str(value))
    except ValueError:
        return -1


def _with_name(value: object, name: str | None) -> str:
    return f"{value} ({name})" if name else str(value)


def _words(value: object, name: str | None) -> str:
    return f"{value} {name}" if name else str(value)


def _series(values: list[str | None], frame: "pd.DataFrame") -> "pd.Series":
    import pandas as pd

    return pd.Series(values, index=frame.index, dtype="string")
