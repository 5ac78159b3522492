"""The user's own names of addresses and networks: the CSV file that FLOWLAKE_NAMES names. It is read, never written."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable


@dataclass(frozen=True)
class NamedNetwork:
    """A network, which may be a single address, and what it is called."""

    network: IPv4Network | IPv6Network
    name: str


class NamesFile:
    """A CSV file: in each line an address or a CIDR, a name, and whatever else; None where the settings name none."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def read(self) -> tuple[NamedNetwork, ...]:
        """The names, in the order of the file. Raises FlowLakeError, with the line, where one cannot be understood."""
        if self.path is None:
            return ()
        shown = printable(str(self.path))
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise FlowLakeError(
                f"FLOWLAKE_NAMES: {shown} cannot be read: {error.strerror}. Correct the path, or make it readable."
            ) from error
        except UnicodeDecodeError as error:
            raise FlowLakeError(f"FLOWLAKE_NAMES: {shown} cannot be read: {error}. Save it as UTF-8.") from error
        return parse_names(text, shown)


def parse_names(text: str, where: str) -> tuple[NamedNetwork, ...]:
    """The names in the text of a CSV file; `where` is its path, for errors.

    Blank lines, lines that begin with ``#``, and a header line count for nothing. Raises FlowLakeError for a line
    without an address or a name, and for a network that has another name already.
    """
    lines: dict[IPv4Network | IPv6Network, int] = {}
    found: dict[IPv4Network | IPv6Network, str] = {}
    for line, address, name in _rows(text, where):
        try:
            network = ip_network(address)
        except ValueError as error:
            raise _error(where, line, f"{printable(str(error))}. Write an address or a CIDR, then its name") from None
        if not name:
            raise _error(where, line, f"{address} has no name. Write it behind a comma")
        if found.get(network, name) != name:
            raise _error(where, line, f"{address} has another name in line {lines[network]}. Remove one of them")
        found[network], lines[network] = name, lines.get(network, line)
    return tuple(NamedNetwork(network, name) for network, name in found.items())


def _rows(text: str, where: str) -> Iterator[tuple[int, str, str]]:
    """The number, first cell and second cell of each line that holds a name."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    is_first = True
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise _error(where, rows.line_num, f"no CSV: {error}") from None
        if row is None:
            return
        address, name, *_ = (*(cell.strip() for cell in row), "", "")
        if not any(cell.strip() for cell in row) or address.startswith("#"):
            continue
        # A header is a word: every address has a dot or a colon.
        if not (is_first and not {".", ":"} & set(address)):
            yield rows.line_num, address, name
        is_first = False


def _error(where: str, line: int, what: str) -> FlowLakeError:
    return FlowLakeError(f"FLOWLAKE_NAMES: {where}, line {line}: {what}.")
