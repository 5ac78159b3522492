"""All functions that have a name of Trino's, the types of their parameters and a rule. See ../functions.py."""

from collections.abc import Mapping
from itertools import groupby
from operator import attrgetter

from resources.embedded.sql.functions import Function
from resources.embedded.sql.rewrites import (
    aggregates,
    arithmetic,
    arrays,
    attempts,
    ip_addresses,
    joda_formats,
    maps,
    text_functions,
    time_zones,
    times,
)

_MODULES = (
    *(aggregates, arithmetic, arrays, attempts, ip_addresses, joda_formats, maps, text_functions, time_zones),
    times,
)

FUNCTIONS: Mapping[str, tuple[Function, ...]] = {
    name: tuple(functions)
    for name, functions in groupby(
        sorted((function for module in _MODULES for function in module.FUNCTIONS), key=attrgetter("name")),
        key=attrgetter("name"),
    )
}
"""By its name, each function; several where a name has several lists of parameters."""
