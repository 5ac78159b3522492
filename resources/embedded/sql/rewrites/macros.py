"""Functions of our own in DuckDB's SQL, which rules put in the place of Trino's. A session defines them when it begins.

No query can call one by its name, because allowed.py does not have it.
"""

import re

ADDRESS_TYPE = "UHUGEINT"
"""DuckDB's type of IP addresses. Nothing else has it (ip_addresses.py)."""

_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_GROUP = "[0-9A-Fa-f]{1,4}"
_GROUPS = f"({_GROUP}(:{_GROUP})*)?"

# "InetAddresses.java" of Guava, which Trino calls ("IpAddressOperators.java"): an IPv4 address has four numbers without
# leading zeros. In an IPv6 address, "::" stands once for one group of zeros or more, and the last two groups may be
# written as an IPv4 address. What follows "%" is passed over in some versions, so that it is refused here.
_IP_ADDRESSES = (
    """CREATE MACRO ipv4_number(x) AS
    CAST(split_part(x, '.', 1) AS UBIGINT) * 16777216 + CAST(split_part(x, '.', 2) AS UBIGINT) * 65536
    + CAST(split_part(x, '.', 3) AS UBIGINT) * 256 + CAST(split_part(x, '.', 4) AS UBIGINT)""",
    # ::ffff:1.2.3.4 has the groups ::ffff:0102:0304.
    rf"""CREATE MACRO ipv6_groups(x) AS
    CASE WHEN regexp_full_match(x, '[0-9A-Fa-f:]*:{_IPV4}')
    THEN regexp_extract(x, '^(.*:)', 1)
        || lpad(to_hex(ipv4_number(regexp_extract(x, '[0-9.]+$')) // 65536), 4, '0') || ':'
        || lpad(to_hex(ipv4_number(regexp_extract(x, '[0-9.]+$')) % 65536), 4, '0')
    ELSE x END""",
    f"""CREATE MACRO is_ipv6_groups(groups) AS
    regexp_full_match(groups, '({_GROUP}:){{7}}{_GROUP}')
    OR (regexp_full_match(groups, '{_GROUPS}::{_GROUPS}')
        AND NOT regexp_full_match(groups, ':*{_GROUP}(:+{_GROUP}){{7,}}:*'))""",
    # Each group in four digits, one after the other.
    """CREATE MACRO ipv6_digits(groups) AS
    array_to_string(list_transform(string_split(groups, ':'), lambda part: lpad(part, 4, '0')), '')""",
    """CREATE MACRO ipv6_all_digits(groups) AS
    CASE WHEN contains(groups, '::')
    THEN rpad(ipv6_digits(split_part(groups, '::', 1)),
            CAST(32 - length(ipv6_digits(split_part(groups, '::', 2))) AS INTEGER), '0')
        || ipv6_digits(split_part(groups, '::', 2))
    ELSE ipv6_digits(groups) END""",
    """CREATE MACRO hexadecimal_number(digits) AS
    (CAST(CAST('0x' || substring(digits, 1, 16) AS UBIGINT) AS UHUGEINT) << 64)
    + CAST(CAST('0x' || substring(digits, 17, 16) AS UBIGINT) AS UHUGEINT)""",
    # A list of one value and a lambda give the value a name, so that it is computed once.
    """CREATE MACRO ipv6_number(x) AS
    list_transform([ipv6_groups(x)], lambda groups:
        CASE WHEN is_ipv6_groups(groups)
        THEN list_transform([ipv6_all_digits(groups)], lambda digits: hexadecimal_number(digits))[1] END)[1]""",
    rf"""CREATE MACRO ip_address_or(x, otherwise) AS
    CASE WHEN regexp_full_match(x, '{_IPV4}') THEN CAST(281470681743360 + ipv4_number(x) AS UHUGEINT)
    WHEN x IS NULL THEN NULL
    ELSE coalesce(
        ipv6_number(x),
        CASE WHEN regexp_full_match(x, '(?s)[\p{{Nd}}a-fA-F:.]*(%.*)?') AND regexp_matches(x, '(?s)[^ -~]|:.*%')
        THEN CAST(error('NOT_SUPPORTED: the embedded Athena does not read this address: ' || x) AS UHUGEINT)
        ELSE otherwise END) END""",
    """CREATE MACRO ip_address(x) AS
    ip_address_or(x, CAST(error('INVALID_CAST_ARGUMENT: Cannot cast value to IPADDRESS: ' || x) AS UHUGEINT))""",
    """CREATE MACRO try_ip_address(x) AS ip_address_or(x, NULL)""",
    """CREATE MACRO is_ipv4(address) AS (address >> 32) = 65535""",
    """CREATE MACRO without_leading_zeros(digits) AS
    rtrim(regexp_replace(regexp_replace(digits, '(.{4})', '\\1:', 'g'), '(^|:)0{1,3}', '\\1', 'g'), ':')""".replace(
        "\\\\", "\\"
    ),
    # The longest run of two zeros or more, the first of several, is "::".
    "CREATE MACRO with_zeros_left_out(groups) AS CASE "
    + " ".join(
        f"WHEN regexp_matches(groups, '(^|:)0(:0){{{count}}}(:|$)') "
        f"THEN regexp_replace(groups, '(^|:)0(:0){{{count}}}(:|$)', '::')"
        for count in range(7, 0, -1)
    )
    + " ELSE groups END",
    """CREATE MACRO ip_text(address) AS
    CASE WHEN is_ipv4(address)
    THEN CAST((address >> 24) & 255 AS VARCHAR) || '.' || CAST((address >> 16) & 255 AS VARCHAR) || '.'
        || CAST((address >> 8) & 255 AS VARCHAR) || '.' || CAST(address & 255 AS VARCHAR)
    ELSE with_zeros_left_out(without_leading_zeros(lpad(lower(to_hex(address)), 32, '0'))) END""",
    # The first and the last address of a network, such as 10.0.0.0/8 ("IpAddressFunctions.java" of Trino).
    """CREATE MACRO network_base(network) AS
    ip_address_or(
        split_part(network, '/', 1),
        CAST(error('INVALID_FUNCTION_ARGUMENT: Invalid network IP address') AS UHUGEINT))""",
    """CREATE MACRO host_bits(network, width) AS
    CASE WHEN network IS NULL THEN NULL
    WHEN NOT contains(network, '/') THEN CAST(error('INVALID_FUNCTION_ARGUMENT: Invalid CIDR') AS BIGINT)
    WHEN NOT regexp_full_match(network, '[^/]*/[0-9]{1,9}')
    THEN CAST(error('INVALID_FUNCTION_ARGUMENT: Invalid prefix length') AS BIGINT)
    WHEN CAST(split_part(network, '/', 2) AS BIGINT) > width
    THEN CAST(error('INVALID_FUNCTION_ARGUMENT: Prefix length exceeds address length') AS BIGINT)
    ELSE width - CAST(split_part(network, '/', 2) AS BIGINT) END""",
    """CREATE MACRO host_mask(bits) AS
    CASE bits WHEN 0 THEN CAST(0 AS UHUGEINT)
    ELSE CAST(340282366920938463463374607431768211455 AS UHUGEINT) >> CAST(128 - bits AS UHUGEINT) END""",
    """CREATE MACRO network_mask(network, base) AS
    list_transform(
        [host_bits(network, CASE WHEN is_ipv4(base) THEN 32 ELSE 128 END)],
        lambda bits: CASE WHEN bits IS NOT NULL THEN host_mask(bits) END)[1]""",
    """CREATE MACRO first_address(base, mask) AS
    CASE WHEN is_ipv4(base) AND (base & mask) <> 0
    THEN CAST(error('INVALID_FUNCTION_ARGUMENT: Invalid CIDR') AS UHUGEINT)
    ELSE base - (base & mask) END""",
    """CREATE MACRO first_of_network(network) AS
    list_transform([network_base(network)], lambda base:
        list_transform([network_mask(network, base)], lambda mask: first_address(base, mask))[1])[1]""",
    """CREATE MACRO last_of_network(network) AS
    list_transform([network_base(network)], lambda base: base | network_mask(network, base))[1]""",
    """CREATE MACRO network_contains(network, address) AS
    (address BETWEEN first_of_network(network) AND last_of_network(network))
    AND is_ipv4(address) = is_ipv4(network_base(network))""",
)

_TIMES = (
    # Years beyond have a sign and more digits in Trino.
    """CREATE MACRO time_text(t, format) AS
    CASE WHEN year(t) BETWEEN 1 AND 9999 THEN strftime(t, format)
    WHEN t IS NOT NULL THEN error('NOT_SUPPORTED: the embedded Athena does not write times outside of the years 1 to '
        || '9999. Times in flow logs are seconds since 1970, as from_unixtime takes them') END""",
    """CREATE MACRO offset_text(local, utc) AS
    CASE date_diff('minute', utc, local) WHEN 0 THEN 'Z'
    ELSE (CASE WHEN local < utc THEN '-' ELSE '+' END)
        || lpad(CAST(abs(date_diff('minute', utc, local)) // 60 AS VARCHAR), 2, '0') || ':'
        || lpad(CAST(abs(date_diff('minute', utc, local)) % 60 AS VARCHAR), 2, '0') END""",
    # Where clocks are turned, a time of the day is shown twice or never.
    """CREATE MACRO clear_instant(zone, local) AS
    CASE WHEN timezone(zone, timezone(zone, local)) = local
        AND timezone(zone, timezone(zone, local) + INTERVAL 1 HOUR) <> local
        AND timezone(zone, timezone(zone, local) - INTERVAL 1 HOUR) <> local
    THEN timezone(zone, local)
    WHEN local IS NOT NULL THEN CAST(error('NOT_SUPPORTED: the embedded Athena does not tell which time '
        || CAST(local AS VARCHAR) || ' is, because clocks were turned in ' || zone) AS TIMESTAMPTZ) END""",
    # "ISODateTimeFormat.java" of Joda reads more forms, which are not executed: weeks, days of years, parts of hours.
    r"""CREATE MACRO iso8601_instant(x) AS
    CASE WHEN regexp_full_match(x, '\d{4}-\d{2}-\d{2}(T(\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|[+-]00:?00)?)?)?')
    THEN coalesce(
        timezone('UTC', date_trunc('milliseconds', TRY_CAST(
            regexp_replace(regexp_replace(replace(replace(x, 'T', ' '), ',', '.'), '(Z|[+-]00:?00)$', ''),
                '^(.{10} \d{2}:\d{2}:\d{2}\.\d{1,6}).*', '\1') AS TIMESTAMP))),
        CAST(error('INVALID_FUNCTION_ARGUMENT: Invalid format: "' || x || '"') AS TIMESTAMPTZ))
    WHEN regexp_full_match(x, '[0-9TWZ:.,+-]*\d[0-9TWZ:.,+-]*')
    THEN CAST(error('NOT_SUPPORTED: the embedded Athena does not read this time of ISO 8601: ' || x) AS TIMESTAMPTZ)
    WHEN x IS NOT NULL
    THEN CAST(error('INVALID_FUNCTION_ARGUMENT: Invalid format: "' || x || '"') AS TIMESTAMPTZ) END""",
)

_ARRAYS = (
    # "ArraySubscriptOperator.java" and "MapSubscriptOperator.java" of Trino.
    """CREATE MACRO element_of_array(a, i) AS
    CASE WHEN a IS NULL OR i IS NULL THEN NULL
    WHEN i = 0 THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
    WHEN i < 0 THEN error('INVALID_FUNCTION_ARGUMENT: Array subscript is negative: ' || CAST(i AS VARCHAR))
    WHEN i > len(a) THEN error('INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length: '
        || CAST(i AS VARCHAR) || ' > ' || CAST(len(a) AS VARCHAR))
    ELSE list_extract(a, i) END""",
    """CREATE MACRO element_of_map(m, k) AS
    CASE WHEN m IS NULL OR k IS NULL THEN NULL
    WHEN map_contains(m, k) THEN map_extract_value(m, k)
    ELSE error('INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || CAST(k AS VARCHAR)) END""",
    """CREATE MACRO array_has_element(a, x) AS
    CASE WHEN a IS NULL OR x IS NULL THEN NULL
    WHEN list_contains(a, x) THEN TRUE
    WHEN list_count(a) < len(a) THEN NULL
    ELSE FALSE END""",
    """CREATE MACRO distinct_in_order(items) AS
    list_transform([items], lambda a: CASE WHEN a IS NOT NULL THEN list_transform(list_sort(list_concat(
        list_transform(list_distinct(a), lambda v: {'position': list_position(a, v), 'item': v}),
        CASE WHEN list_count(a) < len(a) THEN [{'position': list_position(a, NULL), 'item': NULL}] ELSE [] END
    )), lambda found: found.item) END)[1]""",
    """CREATE MACRO common_items(a, b) AS
    distinct_in_order(list_filter(a, lambda item: list_position(b, item) IS NOT NULL))""",
    """CREATE MACRO slice_of_array(a, first, number) AS
    CASE WHEN a IS NULL OR first IS NULL OR number IS NULL THEN NULL
    WHEN number < 0 THEN error('INVALID_FUNCTION_ARGUMENT: length must be greater than or equal to 0')
    WHEN first = 0 THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
    WHEN first > len(a) OR -first > len(a) OR number = 0 THEN list_slice(a, 1, 0)
    WHEN first > 0 THEN list_slice(a, first, first + number - 1)
    ELSE list_slice(a, len(a) + first + 1, len(a) + first + number) END""",
    """CREATE MACRO sequence_of_integers(first, last, step) AS
    CASE WHEN first IS NULL OR last IS NULL OR step IS NULL THEN NULL
    WHEN step = 0 THEN error('INVALID_FUNCTION_ARGUMENT: step must not be zero')
    WHEN (step > 0 AND last < first) OR (step < 0 AND last > first)
    THEN error('INVALID_FUNCTION_ARGUMENT: sequence stop value should be greater than or equal to start value if step '
        || 'is greater than zero otherwise stop should be less than or equal to start')
    WHEN (CAST(last AS HUGEINT) - first) // step >= 10000
    THEN error('INVALID_FUNCTION_ARGUMENT: result of sequence function must not have more than 10000 entries')
    ELSE generate_series(CAST(first AS BIGINT), CAST(last AS BIGINT), CAST(step AS BIGINT)) END""",
    # "MapConstructor.java" of Trino.
    """CREATE MACRO map_of_arrays(names, items) AS
    CASE WHEN names IS NULL OR items IS NULL THEN NULL
    WHEN len(names) <> len(items)
    THEN error('INVALID_FUNCTION_ARGUMENT: Key and value arrays must be the same length')
    WHEN list_count(names) < len(names) THEN error('INVALID_FUNCTION_ARGUMENT: map key cannot be null')
    WHEN len(list_distinct(names)) < len(names)
    THEN error('INVALID_FUNCTION_ARGUMENT: Duplicate map keys are not allowed')
    ELSE map(names, items) END""",
    """CREATE MACRO map_of_lists(names, items) AS
    CASE WHEN names IS NOT NULL THEN map(
        list_distinct(names),
        list_transform(list_distinct(names), lambda name: list_extract(items, list_position(names, name)))) END""",
)

MACROS: tuple[str, ...] = (*_IP_ADDRESSES, *_TIMES, *_ARRAYS)
"""The statements that define the functions, each after those that it calls."""

MACRO_NAMES = frozenset(name for macro in MACROS for name in re.findall(r"CREATE MACRO (\w+)", macro))
