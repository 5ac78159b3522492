"""From measurements to ``docs/performance.md`` and its chart; what comes in is what `__main__` kept of a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

from benchmarks.imports import LATER
from benchmarks.measure import DAILY, OURS, STEP_OF_DATASETS

Measured = Mapping[str, Any]

FOLDER = Path(__file__).parent
SCAN, REPORTS = (STEP_OF_DATASETS,), DAILY[OURS][2:]
SCAN_PART = "scan (`rejected_flows`)"
PACKAGES_SHOWN = 12

NAMES = {
    "day": "**This project**, the classroom's two reports",
    "every_report": "**This project**, the whole daily run: every report, the page",
    "every_report_empty": "This project, the same of a day without records",
    "duckdb_summary": "DuckDB by hand, `traffic_summary` alone",
    "duckdb_datasets": "DuckDB by hand, the three datasets",
    "polars_datasets": "Polars, the three datasets, with as much memory as it takes",
    "parquet": "This project, the same day in Parquet",
    "empty_day": "This project, two reports of a day without records",
    "empty_graph": "Dagster, seven assets that do nothing",
    "polars": "Polars, top 20 only",
    "duckdb": "DuckDB by hand, top 20 only",
    "mawk": "`zcat \\| mawk`, top 20 only",
    "flowlogs_reader": "flowlogs-reader, top 20 only (scaled)",
    "zcat": "`zcat` to nowhere",
    "isal": "ISA-L to nowhere",
}
BARS = {
    "polars": "Polars, top 20 only",
    "duckdb": "DuckDB by hand, top 20 only",
    "mawk": "zcat | mawk, top 20 only",
    "flowlogs_reader": "flowlogs-reader, top 20 only",
    "zcat": "zcat to nowhere",
    "isal": "ISA-L to nowhere",
}
OWN_COLOURS, OTHER_COLOUR = ("#b9cde8", "#2f6db5", "#173a66"), "#c4c4c4"


def render(measured: Measured) -> str:
    """The text of ``docs/performance.md``: the template with every figure filled in, and the notes as they are."""
    template = (FOLDER / "performance.template.md").read_text(encoding="utf-8")
    notes = (FOLDER / "notes.md").read_text(encoding="utf-8").strip()
    return template.format(notes=notes, **facts(measured), **tables(measured))


def tables(measured: Measured) -> dict[str, str]:
    """Every table, in Markdown that reads well in a terminal too."""
    return {
        "aims_table": aims_table(measured),
        "day_table": day_table(measured),
        "queries_table": queries_table(measured["queries"]),
        "parts_table": parts_table(measured),
        "startup_table": startup_table(measured),
        "imports_table": imports_table(measured["imports"]),
        "statements_table": statements_table(measured["statements"]["cases"]),
        "growth_table": growth_table(measured["growth"]),
        "archive_table": archive_table(measured["archive"]),
        "range_table": range_table(measured["range"]),
    }


def facts(measured: Measured) -> dict[str, str]:
    """The values in the sentences around the tables."""
    machine, day, tenfold = measured["machine"], measured["data"]["day"], measured["data"]["tenfold"]
    small = measured["data"]["small"]
    return {
        "measured_on": measured["measured_on"],
        "rounds": f"{measured['rounds']} {'round' if measured['rounds'] == 1 else 'rounds'}",
        "cores": machine["cores"],
        "cpu": machine["cpu"],
        "ram": f"{machine['ram_bytes'] / 2**30:.0f} GiB",
        "system": machine["system"],
        "versions": ", ".join(f"{name} {version}" for name, version in machine["versions"].items()),
        "floor": f"{measured['floor_mb']:.0f} MB",
        "records": f"{day['records']:,}",
        "objects": f"{day['objects']:,}",
        "gzip": size(day["gzip_bytes"]),
        "text": size(day["text_bytes"]),
        "rejects": f"{day['rejects'] / day['records']:.1%}",
        "tenfold_objects": f"{tenfold['objects']:,}",
        "tenfold_gzip": size(tenfold["gzip_bytes"]),
        "parquet": size(measured["data"]["parquet"]["parquet_bytes"]),
        "sample": f"{measured['sample_objects']} of the {day['objects']} objects",
        "small_records": f"{small['records']:,}",
        "small_objects": small["objects"],
        "asked_days": measured["statements"]["asked_days"],
        "later": loaded_later(measured["imports"]),
        "days_added": str(len(next(iter(measured["growth"].values())))),
    }


def aims_table(measured: Measured) -> str:
    """The targets, and what was measured."""
    costs = measured["costs"]
    seconds = {name: middle(costs[name], "seconds") for name in costs}
    net = seconds["day"] - seconds["empty_day"]
    peak, tenfold = highest(costs["day"], "peak_mb"), highest(costs["tenfold"], "peak_mb")
    scanned, stored = costs["day"][0]["scanned_bytes"]["rejected_flows"], measured["data"]["day"]["gzip_bytes"]
    year, empty_year = (middle(measured["range"][name], "seconds") for name in ("ours", "empty"))
    few, many = (median(values) for values in measured["growth"].values())
    text_scan, parquet_scan = (parts(costs[name])[SCAN_PART] for name in ("day", "parquet"))
    third = max(len(measured["archive"]) // 3, 1)
    newest, oldest = (
        median(days["source"] for days in part) for part in (measured["archive"][-third:], measured["archive"][:third])
    )
    rows = [
        (
            "a run of the two reports, with start-up, to Polars' top 20",
            "ratio of seconds",
            ratio(seconds["day"], seconds["polars"]),
            "",
        ),
        (
            "two reports of the day, less a day without records, to Polars' top 20",
            "ratio of seconds",
            ratio(net, seconds["polars"]),
            "1.0",
        ),
        (
            "the same, to DuckDB's top 20 by hand",
            "ratio of seconds",
            ratio(net, seconds["duckdb"]),
            "1.3, where 1.0 of Polars is out of reach",
        ),
        (
            "every report and the page, less a day without records, to `traffic_summary` by hand in DuckDB",
            "ratio of seconds",
            ratio(seconds["every_report"] - seconds["every_report_empty"], seconds["duckdb_summary"]),
            "1.2",
        ),
        (
            "the same, to the three datasets by hand in DuckDB",
            "ratio of seconds",
            ratio(seconds["every_report"] - seconds["every_report_empty"], seconds["duckdb_datasets"]),
            "",
        ),
        (
            "the same, to the three datasets in Polars",
            "ratio of seconds",
            ratio(seconds["every_report"] - seconds["every_report_empty"], seconds["polars_datasets"]),
            "",
        ),
        (
            "a query on the raw table, to the same by hand in DuckDB: the highest of five",
            "ratio of seconds",
            f"{max(query_ratio(query) for query in measured['queries']):.2f}",
            "1.3",
        ),
        ("peak memory of that", "MB", f"{highest(costs['every_report'], 'peak_mb'):,.0f}", "1,500"),
        ("peak memory", "MB", f"{peak:,.0f}", "1,500"),
        (
            "peak memory with ten times the objects, to that of the day",
            "ratio of MB",
            ratio(tenfold, peak),
            "no larger",
        ),
        ("raw logs scanned, to the day's objects", "ratio of bytes", ratio(scanned, stored), "1"),
        ("365 small days in one run", "s", f"{year:.1f}", f"60, or {3 * empty_year:.0f} (3 empty Dagster runs)"),
        (
            "one day with 3,650 days registered, to one day with one registered",
            "ratio of seconds",
            ratio(many, few),
            "1.2",
        ),
        (
            "the scan of the same records in Parquet, to that of text",
            "ratio of seconds",
            ratio(parquet_scan, text_scan),
            "0.20",
        ),
        (
            "one source's day in an archive of 1,000 accounts: the last ten days registered, to the first ten",
            "ratio of seconds",
            ratio(newest, oldest),
            "1.2",
        ),
        (
            "a day without records, to an empty Dagster graph",
            "ratio of seconds",
            ratio(seconds["empty_day"], seconds["empty_graph"]),
            "",
        ),
    ]
    return table(("", "unit", "measured", "at most"), rows, "llrl")


def day_table(measured: Measured) -> str:
    """Side by side: who took how long, and with how much memory."""
    polars = middle(measured["costs"]["polars"], "seconds")
    costs = {name: costs_of(measured, name) for name in NAMES}
    rows = [cost_row(NAMES[name], costs[name], polars) for name in NAMES]
    net = middle(costs["day"], "seconds") - middle(costs["empty_day"], "seconds")
    rows.insert(1, ("This project, less a day without records", f"{net:.2f}", "", ratio(net, polars), "", ""))
    tenfold = costs_of(measured, "tenfold")
    rows.insert(2, cost_row("This project, the same day in ten times the objects", tenfold, polars))
    return table(("", "median, s", "min to max", "to Polars", "CPU, s", "peak, MB"), rows, "lrrrrr")


def cost_row(name: str, costs: Sequence[Mapping[str, float]], unit: float) -> tuple[str, ...]:
    """A row of `day_table`: seconds are medians, and memory is the highest."""
    seconds = [cost["seconds"] for cost in costs]
    return (
        name,
        f"{median(seconds):.2f}",
        f"{min(seconds):.2f} to {max(seconds):.2f}",
        ratio(median(seconds), unit),
        f"{middle(costs, 'cpu_seconds'):.2f}",
        f"{highest(costs, 'peak_mb'):,.0f}",
    )


def costs_of(measured: Measured, name: str) -> list[dict[str, float]]:
    """What each round of it cost; of flowlogs-reader, what the whole day would have by what its sample did."""
    costs: list[dict[str, float]] = measured["costs"][name]
    if name != "flowlogs_reader":
        return costs
    times = measured["data"]["day"]["objects"] / measured["sample_objects"]
    return [
        scaled(cost, idle, times) for cost, idle in zip(costs, measured["costs"]["flowlogs_reader_idle"], strict=True)
    ]


def scaled(cost: Mapping[str, float], idle: Mapping[str, float], times: float) -> dict[str, float]:
    """What it costs to read `times` as much: reading is multiplied, starting (`idle`) is not; nor is memory."""
    more = {name: idle[name] + (cost[name] - idle[name]) * times for name in ("seconds", "cpu_seconds")}
    return {**more, "peak_mb": cost["peak_mb"]}


def queries_table(queries: Sequence[Mapping[str, Any]]) -> str:
    """Queries on the raw table of the day, by the embedded engine and by hand."""
    rows = [
        (
            query["name"],
            *(f"{median(query[who]):.2f}" for who in ("ours", "by_hand")),
            *(f"{min(query[who]):.2f} to {max(query[who]):.2f}" for who in ("ours", "by_hand")),
            f"{query_ratio(query):.2f}",
        )
        for query in queries
    ]
    headers = ("query", "this project, s", "DuckDB by hand, s", "min to max", "min to max", "ratio")
    return table(headers, rows, "lrrrrr")


def query_ratio(query: Mapping[str, Any]) -> float:
    """How many times as long this project takes as DuckDB by hand, by the medians."""
    return float(median(query["ours"]) / median(query["by_hand"]))


def parts_table(measured: Measured) -> str:
    """Where the seconds of our own run go."""
    days = {name: parts(measured["costs"][name]) for name in ("day", "parquet", "empty_day")}
    rows = [(part, *(f"{days[name][part]:.2f}" for name in days)) for part in days["day"]]
    return table(("part of the daily run, s", "the day", "the day in Parquet", "a day without records"), rows, "lrrr")


def parts(costs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Median seconds of each part of a daily run; start-up is all that is not inside a step."""

    def inside(chosen: Callable[[str], bool]) -> float:
        return float(median(sum(spent for step, spent in cost["steps"].items() if chosen(step)) for cost in costs))

    return {
        "start-up and shutdown": median(cost["seconds"] - sum(cost["steps"].values()) for cost in costs),
        "bucket, flow log, table, partition": inside(lambda step: step not in (*SCAN, *REPORTS)),
        SCAN_PART: inside(lambda step: step in SCAN),
        "reports": inside(lambda step: step in REPORTS),
    }


def startup_table(measured: Measured) -> str:
    """What `dagster asset materialize` costs apart from the assets, for ours and for an empty project."""
    costs = measured["costs"]
    ours, empty = costs["empty_day"], costs["empty_graph"]
    loading = (middle(costs[name], "seconds") for name in ("load", "load_empty"))
    stages = {
        "`dagster asset materialize`, until the first asset runs": before,
        "the assets": during,
        "after the last asset": after,
        "whole": lambda cost: cost["seconds"],
    }
    rows = [
        comparison("`python -c 'import …'` of the definitions", *loading),
        *(comparison(stage, median(map(spent, ours)), median(map(spent, empty))) for stage, spent in stages.items()),
    ]
    return table(("s", "this project, a day without records", "empty Dagster graph", "ratio"), rows, "lrrr")


def comparison(label: str, ours: float, theirs: float) -> tuple[str, ...]:
    return label, f"{ours:.2f}", f"{theirs:.2f}", ratio(ours, theirs)


def before(cost: Mapping[str, float]) -> float:
    return float(cost["first_step"] - cost["began"])


def during(cost: Mapping[str, float]) -> float:
    return cost["last_step"] - cost["first_step"]


def after(cost: Mapping[str, float]) -> float:
    return cost["began"] + cost["seconds"] - cost["last_step"]


def imports_table(imports: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The packages whose import takes longest, in ours and in an empty project."""
    ours, empty = (package_medians(imports[name]) for name in ("ours", "empty"))
    longest = sorted(ours, key=lambda package: -ours[package]["own"])[:PACKAGES_SHOWN]
    rows = [(package, *milliseconds(ours.get(package)), *milliseconds(empty.get(package))) for package in longest]
    total = ("all packages", *(text for found in (ours, empty) for text in (f"{total_own(found):.0f}", "")))
    headers = ("ms", "ours: own modules", "with what it imports", "empty: own modules", "with what it imports")
    return table(headers, [*rows, total], "lrrrr")


def package_medians(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """The medians over several imports, of the packages that all of them imported."""
    packages = set.intersection(*(set(run) for run in runs))
    return {
        package: {what: median(run[package][what] for run in runs) for what in ("own", "cumulative")}
        for package in packages
    }


def milliseconds(package: Mapping[str, float] | None) -> tuple[str, str]:
    return (f"{package['own']:.0f}", f"{package['cumulative']:.0f}") if package else ("", "")


def total_own(packages: Mapping[str, Mapping[str, float]]) -> float:
    return sum(package["own"] for package in packages.values())


def loaded_later(imports: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """A sentence on the packages that nothing needs before an asset runs."""
    loaded = [package for package in LATER if any(package in run for run in imports["ours"])]
    if loaded:
        return f"Imported at load although only assets need them: {', '.join(loaded)}."
    return f"None of {', '.join(LATER)} is imported before an asset needs it."


def statements_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Statements and bytes for days and reports: the lineage, and one query for each report and day."""
    headers = (
        *("days", "reports", "ADD PARTITION", "UNLOAD", "SELECT", "other"),
        *("raw bytes", "Parquet bytes", "one by one: statements", "one by one: raw bytes", "ratio of raw bytes"),
    )
    return table(headers, [statements_row(row) for row in rows], "rrrrrrrrrrr")


def statements_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    lineage, others = row["lineage"], row["one_by_one"]
    others_bytes = sum(kind["scanned_bytes"] for kind in others.values())
    raw_bytes = lineage["UNLOAD"]["scanned_bytes"]
    return (
        str(row["days"]),
        str(row["reports"]),
        *(f"{lineage[kind]['statements']:,}" for kind in ("ADD PARTITION", "UNLOAD", "SELECT", "other")),
        size(raw_bytes),
        size(lineage["SELECT"]["scanned_bytes"]),
        f"{sum(kind['statements'] for kind in others.values()):,}",
        size(others_bytes),
        ratio(others_bytes, raw_bytes),
    )


def growth_table(growth: Mapping[str, Sequence[float]]) -> str:
    """How long adding and reporting one day takes, by the days that are registered."""
    first = median(next(iter(growth.values())))
    rows = [
        (f"{int(days):,}", f"{median(spent):.3f}", f"{min(spent):.3f} to {max(spent):.3f}", ratio(median(spent), first))
        for days, spent in growth.items()
    ]
    return table(("days registered", "median, s", "min to max", "ratio"), rows, "rrrr")


def archive_table(archive: Sequence[Mapping[str, float]]) -> str:
    """What a day of an organization's archive takes, by the days that are registered: first, middle and last ones."""
    third = max(len(archive) // 3, 1)
    chosen = {
        f"{first + 1} to {first + third}": archive[first : first + third] for first in range(0, len(archive), third)
    }
    rows = [
        (days, *(f"{middle(found, what):.2f}" for what in ("add", "source", "account", "day")))
        for days, found in chosen.items()
    ]
    headers = ("days registered", "adding the day, s", "its query on one source", "on one account", "on the whole day")
    return table(headers, rows, "lrrrr")


def range_table(ranges: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    """A year in one run, ours and an empty graph's."""
    unit = middle(ranges["empty"], "seconds")
    labels = {"ours": "this project", "empty": "empty Dagster graph"}
    rows = [cost_row(label, ranges[name], unit) for name, label in labels.items()]
    return table(("365 days, 4 daily assets", "median, s", "min to max", "ratio", "CPU, s", "peak, MB"), rows, "lrrrrr")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    """A Markdown table; `alignment` has l or r for each column. Cells are text already."""
    sides = [{"l": "left", "r": "right"}[side] for side in alignment]
    return tabulate(rows, headers, tablefmt="pipe", colalign=sides, disable_numparse=True)


def middle(costs: Sequence[Mapping[str, Any]], what: str) -> float:
    return float(median(cost[what] for cost in costs))


def highest(costs: Sequence[Mapping[str, Any]], what: str) -> float:
    return float(max(cost[what] for cost in costs))


def ratio(value: float, unit: float) -> str:
    return f"{value / unit:.2f}" if unit else ""


def size(number: float) -> str:
    """Bytes as people read them, in powers of 1,000."""
    for unit in ("B", "kB", "MB"):
        if number < 1_000:
            return f"{number:.3g} {unit}"
        number /= 1_000
    return f"{number:.3g} GB"


def draw(measured: Measured, path: Path) -> None:
    """The chart: a bar for everybody's median, ours in its parts."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    medians = {name: middle(costs_of(measured, name), "seconds") for name in ("day", "empty_day", *BARS)}
    # flowlogs-reader takes a hundred times as long: its bar is cut, so that the others can be told apart.
    widest = 1.12 * max(value for name, value in medians.items() if name != "flowlogs_reader")
    figure, axes = plt.subplots(figsize=(9, 4.2))
    labels = ["This project, every report", "This project, an empty day", *BARS.values()]
    left = [0.0, 0.0]
    for colour, (label, values) in zip(OWN_COLOURS, own_bars(measured).items(), strict=True):
        axes.barh(labels[:2], values, left=left, color=colour, label=label)
        left = [before + value for before, value in zip(left, values, strict=True)]
    axes.barh(labels[2:], [min(medians[name], widest) for name in BARS], color=OTHER_COLOUR)
    for row, value in enumerate(medians.values()):
        cut = value > widest
        place, side = (widest * 0.99, "right") if cut else (value + widest * 0.01, "left")
        axes.text(place, row, f"{value:,.0f} s (cut)" if cut else f"{value:.1f} s", va="center", ha=side)
    axes.set_xlim(0, widest)
    axes.invert_yaxis()
    axes.set_xlabel(f"seconds, median of {measured['rounds']}; {measured['data']['day']['records']:,} records")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def own_bars(measured: Measured) -> dict[str, list[float]]:
    """The parts of our two bars (the day, an empty day), so that they add up to the median of the whole."""
    found: dict[str, list[float]] = {"start-up and set-up": [], "scan": [], "reports": []}
    for name in ("day", "empty_day"):
        costs = measured["costs"][name]
        spent = parts(costs)
        scan, reports = spent[SCAN_PART], spent["reports"]
        for part, value in zip(found, (middle(costs, "seconds") - scan - reports, scan, reports), strict=True):
            found[part].append(value)
    return found
