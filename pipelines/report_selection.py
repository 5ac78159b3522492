"""Which reports are in the graph: this project's and the user's own, without those whose fields the flow logs lack."""

from collections.abc import Sequence

from assets.day_objects import formats_of_day
from assets.reports.report_files import OWN_FOLDER, Report, lacking, read_reports
from flowlogs.errors import FlowLakeError
from flowlogs.record_format import DEFAULT_FORMAT
from pipelines.report_checks import require_working
from pipelines.settings import Settings
from resources.bucket import Bucket


def load_reports(settings: Settings) -> tuple[Report, ...]:
    """All reports. Raises FlowLakeError, with file and line, for a file that is broken.

    Those of the user's own are executed over made-up datasets first. This project's are in its tests.
    """
    reports = read_reports(settings.reports_folder)
    require_working([report for report in reports if report.path.parent != OWN_FOLDER])
    return reports


def known_fields(settings: Settings, bucket: Bucket, *, may_look: bool) -> set[str] | None:
    """The fields of the flow logs that are read, by AWS's names; None if they are not known beforehand.

    They are those that the settings name, or of a simulated VPC. With `may_look`, they are those of the last day in a
    folder of logs, too.
    """
    if bucket.expected_format is not None:
        return {field.header for field in bucket.expected_format.fields}
    if bucket.is_simulated():
        return {field.header for field in (settings.delivery.record_format or DEFAULT_FORMAT).fields}
    days = bucket.listed_days() if may_look else None
    if not days:
        return None
    try:
        formats = [found for _, found, _ in formats_of_day(bucket, days[-1])]
    except FlowLakeError:  # the run tells of it
        return None
    return {field.header for found in formats for field in found.fields} or None


def without_fields(reports: Sequence[Report], fields: set[str] | None) -> dict[str, str]:
    """The reports that need a field which the flow logs lack, and why they are left out."""
    if fields is None:
        return {}
    return {report.name: lacking(lost) for report in reports if (lost := [f for f in report.fields if f not in fields])}
