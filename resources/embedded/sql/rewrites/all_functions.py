"""All functions that have a name of Trino's, the types of their parameters and a rule. See ../functions.py."""

from collections.abc import Mapping
from itertools import groupby

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites import ip_addresses, joda_formats, time_zones, times

FUNCTIONS: Mapping[str, tuple[Function, ...]] = {
    name: tuple(functions)
    for name, functions in groupby(
        sorted(
            (*ip_addresses.FUNCTIONS, *joda_formats.FUNCTIONS, *time_zones.FUNCTIONS, *times.FUNCTIONS),
            key=lambda function: function.name,
        ),
        key=lambda function: function.name,
    )
}
"""By its name, each function; several where a name has several lists of parameters."""
