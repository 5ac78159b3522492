"""What rules for times share: the time that a clock shows in a value's time zone."""

from sqlglot import exp

from resources.embedded.sql.rewrites.rule import NotSupportedError
from resources.embedded.sql.rewrites.template import from_template
from resources.embedded.sql.zoned_types import UTC, known_zone, offset_minutes, zone_of


def local_time(value: exp.Expr) -> exp.Expr:
    """The timestamp without time zone that a clock in the value's zone shows; other values as they are."""
    if not value.is_type(exp.DType.TIMESTAMPTZ):
        return value
    zone = zone_of(value)
    minutes = offset_minutes(zone)
    if minutes is None:
        return from_template("timezone(:zone, :x)", zone=exp.Literal.string(zone), x=value)
    return from_template(f"timezone('{UTC}', :x) + INTERVAL ({minutes}) MINUTE", x=value)


def instant_of(local: exp.Expr, zone: str) -> exp.Expr:
    """The instant at which a clock in the zone shows a time. Where it shows it twice or never, the query fails."""
    minutes = offset_minutes(zone)
    if minutes is not None:
        return from_template(f"timezone('{UTC}', :local - INTERVAL ({minutes}) MINUTE)", local=local)
    if zone == UTC:
        return from_template(f"timezone('{UTC}', :local)", local=local)
    return from_template("clear_instant(:zone, :local)", zone=exp.Literal.string(zone), local=local)


def require_zone(zone: exp.Expr) -> None:
    """Raise NotSupportedError unless the zone is a constant that names a known zone."""
    if not zone.is_string:
        raise NotSupportedError("a time zone that is no constant text")
    if known_zone(zone.name) is None:
        raise NotSupportedError(f"the time zone '{zone.name}'")


def time_precision(value: exp.Expr) -> int | None:
    """The number of digits of a second's fraction that a typed timestamp has; None where it is not known.

    It is 3, but for literals: ``TIMESTAMP '2024-03-01 00:00:00'`` has none.
    """
    own = _literals_precision(value)
    if own is not None:
        return own
    others = (_literals_precision(node) for node in value.root().walk())
    return 3 if all(found in (None, 3) for found in others) else None


def _literals_precision(value: exp.Expr) -> int | None:
    kind = value.type
    if kind is None or not kind.is_type(exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ):
        return None
    digits = [parameter.name for parameter in kind.expressions if parameter.this.is_int]
    return int(digits[0]) if digits else None
