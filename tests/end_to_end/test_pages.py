"""What a person sees in Dagster's UI, looked at in a headless Chromium: the lineage, the schedule, a report's table.

With FLOWLAKE_TEST_SCREENSHOTS=docs, the pictures in the README are taken anew.
"""

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import dagster as dg
import pandas as pd
import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from support import BIN, command_environment, copy_project, flow_lake, report_rows, run

from assets.reports.report_files import REPORTS
from assets.tables import markdown_table, markdown_text

SCREENSHOTS = os.environ.get("FLOWLAKE_TEST_SCREENSHOTS")
GROUPS = ("infrastructure", "catalog", "reports")
ASSETS = (
    "vpc_flow_logs_bucket",
    "vpc_flow_log",
    "network_interfaces",
    "vpc_flow_logs",
    "vpc_flow_logs_partition",
    "rejected_flows",
    *(report.name for report in REPORTS),
)
YESTERDAY = datetime.now(timezone.utc).date() - timedelta(days=1)
DAYS = [YESTERDAY - timedelta(days=before) for before in (2, 1, 0)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """A project with three days, all of them materialized: the first with the whole lineage, the others as a range."""
    project = copy_project(tmp_path_factory.mktemp("pages"))
    code, output = flow_lake(project, "run", "--date", DAYS[0], FLOWLAKE_START_DATE=DAYS[0])
    assert code == 0, output
    selection = ("--select", ",".join(ASSETS[3:]), "--partition-range", f"{DAYS[1]}...{DAYS[2]}")
    code, output = run(
        project,
        *("dagster", "asset", "materialize", "-m", "pipelines.definitions", *selection),
        FLOWLAKE_START_DATE=DAYS[0],
        DAGSTER_HOME=project / "data/results/dagster",
    )
    assert code == 0, output
    return project


ADDRESSES = ["https://a.example/b", "www.c.example", "d@e.example", "![f](https://g.example/h.png)", "<b>i</b>|j`k"]


@pytest.fixture(scope="module")
def tricky_asset(lake) -> str:
    """An asset in that history whose metadata tells of records that hold addresses and marks."""
    frame = pd.DataFrame({"sourceaddress": ADDRESSES}, dtype="string")
    listing = "\n".join(f"- see {markdown_text(address)} there" for address in ADDRESSES)
    metadata = {"table": dg.MetadataValue.md(markdown_table(frame)), "found": dg.MetadataValue.md(listing)}
    with dg.DagsterInstance.from_config(str(lake / "data/results/dagster")) as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("tricky", metadata=metadata))
    return "tricky"


@pytest.fixture(scope="module")
def ui(lake) -> Iterator[str]:
    """The address of the UI that `make dev` opens on that project's history."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (lake / "dev.log").open("w")
    server = subprocess.Popen(
        [BIN / "python", "-m", "pipelines.commands", "dev", "--port", str(port)],
        cwd=lake,
        env=command_environment(lake, FLOWLAKE_START_DATE=DAYS[0]),
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urlopen(f"{address}/server_info", timeout=5).close()
                break
            except (URLError, ConnectionError):
                assert server.poll() is None, (lake / "dev.log").read_text()
                time.sleep(0.25)
        yield address
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            server.wait(3)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # what Dagster did not end itself
        log.close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def look_at(browser: webdriver.Chrome, address: str, *expected: str, width: int = 1400, height: int = 860) -> str:
    """Open a page in a window of this size, wait until all of the texts are on it, and return what it says."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1.5, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)

    def text() -> str:
        return browser.find_element(By.TAG_NAME, "body").text

    WebDriverWait(browser, 60, ignored_exceptions=[WebDriverException]).until(
        lambda _: all(expectation in text() for expectation in expected),
        f"{address} does not show {expected}",
    )
    return text()


def take_picture(browser: webdriver.Chrome, name: str, clip: dict[str, float] | None = None) -> None:
    if SCREENSHOTS:
        time.sleep(1)  # until everything has faded in
        options = {"clip": {**clip, "scale": 1}} if clip else {}
        png = browser.execute_cdp_cmd("Page.captureScreenshot", options)["data"]
        Path(SCREENSHOTS, name).write_bytes(base64.b64decode(png))


def test_the_lineage_shows_every_asset_and_that_it_is_materialized(ui, browser):
    groups = ",".join(f"global@global:{group}" for group in GROUPS)
    page = look_at(
        browser, f"{ui}/asset-groups?expanded={quote(groups)}", *ASSETS, *GROUPS, "100% filled", width=2200, height=1000
    )
    assert page.count("\nMaterialized\n") == 3
    assert page.count("\n3 partitions\n") == 2 + len(REPORTS)  # the daily assets
    assert (page.count("1 / 1 Passed"), page.count("2 / 2 Passed")) == (2, 1)
    graph = browser.execute_script(
        """
        const boxes = [...document.querySelectorAll("svg foreignObject")].map(box => box.getBoundingClientRect());
        const left = Math.min(...boxes.map(box => box.left)), top = Math.min(...boxes.map(box => box.top));
        const right = Math.max(...boxes.map(box => box.right)), bottom = Math.max(...boxes.map(box => box.bottom));
        return {x: left - 16, y: top - 16, width: right - left + 32, height: bottom - top + 32};
        """
    )
    take_picture(browser, "lineage.png", graph)


def test_a_run_of_make_shows_what_it_made_and_no_tag_of_ours(ui, browser):
    page = look_at(browser, f"{ui}/runs", f"partition: {DAYS[0]}", "Success")
    assert page.count(" more") == 2  # of the assets of both runs, the first one is shown
    assert "lock" not in page


def test_the_timeline_shows_a_run_of_make(ui, browser):
    look_at(browser, f"{ui}/timeline", "Jobless asset materializations")
    take_picture(browser, "timeline.png")


def test_a_resources_page_shows_its_settings(ui, browser, lake):
    shown = ("database", "vpc_flow_lake", "query_timeout_seconds", "1800")
    look_at(browser, f"{ui}/locations/vpc-flow-lake/resources/athena", *shown)
    take_picture(browser, "resource.png")


def test_an_assets_page_tells_where_its_data_is_and_its_columns(ui, browser, lake):
    place = str(lake / "data/results/reports/rejected_flow_details")
    look_at(
        browser, f"{ui}/assets/rejected_flow_details?view=overview", place, "DuckDB", "Parquet", "endtime", "bigint"
    )
    take_picture(browser, "asset.png")


def test_the_daily_schedule_is_listed(ui, browser):
    page = look_at(browser, f"{ui}/automation", "daily_reject_reports_schedule", "At 01:00 AM UTC")
    assert "vpc-flow-lake" in page


def test_a_report_shows_its_table_on_its_own_page(ui, browser, lake):
    rows = [[str(cell) for cell in row] for row in report_rows(lake / "data/results", "top_rejected_pairs", DAYS[-1])]
    look_at(browser, f"{ui}/assets/top_rejected_pairs?view=overview", "packetcount", *rows[0], height=1_300)
    table = browser.find_element(By.XPATH, "(//table[.//th[text()='packetcount']])[last()]")
    shown = [row.find_elements(By.TAG_NAME, "td") for row in table.find_elements(By.XPATH, ".//tr[td]")]
    assert [[cell.text for cell in row] for row in shown] == rows
    take_picture(browser, "report.png", {"x": 240, "y": 104, "width": 780, "height": 1_150})


def test_what_a_record_holds_becomes_no_link_and_no_picture(ui, browser, tricky_asset):
    look_at(browser, f"{ui}/assets/{tricky_asset}?view=events", "sourceaddress", *ADDRESSES)
    table = browser.find_element(By.XPATH, "(//table[.//th[text()='sourceaddress']])[last()]")
    assert [cell.text for cell in table.find_elements(By.XPATH, ".//td")] == ADDRESSES
    listing = browser.find_element(By.XPATH, "(//ul[li[contains(., 'www.c.example')]])[last()]")
    assert [item.text for item in listing.find_elements(By.TAG_NAME, "li")] == [f"see {a} there" for a in ADDRESSES]
    assert (
        table.find_elements(By.XPATH, ".//a|.//img|.//b") == listing.find_elements(By.XPATH, ".//a|.//img|.//b") == []
    )


def test_nobody_is_asked_to_join_anything(ui, browser):
    page = look_at(browser, f"{ui}/jobs", "daily_reject_reports")
    assert not re.search("newsletter|Slack", page)
