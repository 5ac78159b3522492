"""Alerts as the settings have them: the sensor in Dagster's daemon, and what `make run` sends of its own run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from pipelines.settings import Settings
from pipelines.targets import Target, alert_channels

if TYPE_CHECKING:
    import dagster as dg

    from assets.reports.report_files import Report


def alert_sensors(
    settings: Settings, days: "dg.DailyPartitionsDefinition", reports: "Sequence[Report]", jobs: Sequence[str]
) -> "list[dg.SensorDefinition]":
    """The sensor that alerts people; none where no channel is configured."""
    channels = alert_channels(settings)
    if not channels:
        return []
    from pipelines.alerts.sensor import alerts_sensor

    return [alerts_sensor(days, reports, channels, jobs, ui=settings.alert_link, least=settings.alert_least_records)]


def alert_of_run(settings: Settings, target: Target, instance: "dg.DagsterInstance", run_id: str) -> list[str]:
    """Send the alerts of a run that has ended. Returns what went wrong: no alert fails a run."""
    channels = alert_channels(settings)
    if not channels:
        return []
    from pipelines.alerts.alert import Places, alerts_of
    from pipelines.alerts.run_facts import run_facts, with_alarms
    from pipelines.alerts.sender import send_alerts
    from pipelines.report_selection import load_reports

    run = instance.get_run_by_id(run_id)
    if run is None:
        return []
    places = Places(settings.alert_link, target.results.display_path("reports/"))
    try:
        reports = load_reports(settings)
        facts = run_facts(instance, run)
        facts = with_alarms(facts, reports, target.results, target.names_file, settings.alert_least_records)
    except FlowLakeError as error:
        return [f"What the run tells people is not known: {printable(str(error))}"]
    return send_alerts(alerts_of(facts, places), target.results, channels)
