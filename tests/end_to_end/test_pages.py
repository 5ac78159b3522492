"""What a person sees, looked at in a headless Chromium: the page of a day, the index, and Dagster's UI.

With FLOWLAKE_TEST_SCREENSHOTS=docs, the pictures in the README are taken anew.
"""

import base64
import json
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
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from support import BIN, DAY, MANY_PACKETS, command_environment, copy_project, flow_lake, run, write_object

from assets.reports.report_files import read_reports
from assets.tables import markdown_table, markdown_text
from flowlogs.datasets import DATASETS

SCREENSHOTS = os.environ.get("FLOWLAKE_TEST_SCREENSHOTS")
GROUPS = ("infrastructure", "catalog", "datasets", "reports")
REPORTS = [report for report in read_reports() if not report.fields]
"""Those that the simulated flow logs have the fields for."""

ASSETS = (
    "vpc_flow_logs_bucket",
    "vpc_flow_log",
    "network_interfaces",
    "vpc_flow_logs",
    "vpc_flow_logs_partition",
    *DATASETS,
    *(report.name for report in REPORTS),
    "daily_page",
)
YESTERDAY = datetime.now(timezone.utc).date() - timedelta(days=1)
DAYS = [YESTERDAY - timedelta(days=before) for before in (2, 1, 0)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """A project with three days, all of them materialized: the first with the whole lineage, the others as a range."""
    project = copy_project(tmp_path_factory.mktemp("pages"), all_reports=True)
    code, output = flow_lake(project, "run", "--date", DAYS[0], FLOWLAKE_START_DATE=DAYS[0])
    assert code == 0, output
    selection = ("--select", ",".join(ASSETS[4:]), "--partition-range", f"{DAYS[1]}...{DAYS[2]}")
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
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
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
    groups = ",".join(f"global@global:{group}" for group in GROUPS[:-1])  # all reports would be too small
    page = look_at(
        browser,
        f"{ui}/asset-groups?expanded={quote(groups)}",
        *ASSETS[:8],
        *GROUPS,
        f"\nreports\n{len(REPORTS) + 1}\n",
        "100% filled",
        width=2200,
        height=1300,
    )
    assert page.count("\nMaterialized\n") == 4
    assert page.count("\n3 partitions\n") == 4
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


def test_a_report_shows_its_bars_and_its_table_on_its_own_page(ui, browser, lake):
    frame = pd.read_parquet(lake / f"data/results/reports/top_rejected_pairs/{DAYS[-1]}.parquet")
    look_at(browser, f"{ui}/assets/top_rejected_pairs?view=overview", "packetcount", height=1_300)
    table = browser.find_element(By.XPATH, "(//table[.//th[text()='packetcount']])[last()]")
    shown = [row.find_elements(By.TAG_NAME, "td") for row in table.find_elements(By.XPATH, ".//tr[td]")]
    rows = [[cell.text for cell in row] for row in shown]
    assert len(rows) > 10
    for row, packets, source in zip(rows, frame["packetcount"], frame["sourceaddress"], strict=False):
        assert (row[0], row[1].partition(" ")[0]) == (str(packets), source)
    assert {row[2].partition(" ")[2] for row in rows} >= {"(web 2)", "(bastion)"}
    picture = browser.find_element(By.XPATH, "//img[@alt='bars']")
    assert picture.get_property("naturalWidth") == 400
    take_picture(browser, "report.png", {"x": 240, "y": 104, "width": 780, "height": 1_150})


def test_the_days_numbers_are_metadata_that_dagster_plots(ui, browser):
    page = look_at(browser, f"{ui}/assets/daily_page?view=overview", "rejected flows", "records read,", height=1_600)
    assert "rows that need a look" in page
    browser.find_element(By.XPATH, "//button[contains(., 'Plots')]").click()
    WebDriverWait(browser, 30).until(lambda _: browser.find_elements(By.TAG_NAME, "canvas"))


def test_what_a_record_holds_becomes_no_link_and_no_picture(ui, browser, tricky_asset):
    look_at(browser, f"{ui}/assets/{tricky_asset}?view=events", "sourceaddress", *ADDRESSES)
    table = browser.find_element(By.XPATH, "(//table[.//th[text()='sourceaddress']])[last()]")
    assert [cell.text for cell in table.find_elements(By.XPATH, ".//td")] == ADDRESSES
    listing = browser.find_element(By.XPATH, "(//ul[li[contains(., 'www.c.example')]])[last()]")
    assert [item.text for item in listing.find_elements(By.TAG_NAME, "li")] == [f"see {a} there" for a in ADDRESSES]
    assert (
        table.find_elements(By.XPATH, ".//a|.//img|.//b") == listing.find_elements(By.XPATH, ".//a|.//img|.//b") == []
    )


# The page of a day and the index, opened from disk


HOSTILE = ["<script>document.title='hit'</script>", "=cmd()", "![x](https://e.example/p.png)", "\x1b[2J"]


@pytest.fixture(scope="module")
def page(lake) -> str:
    """The address of the last day's page."""
    return (lake / f"data/results/reports/{DAYS[-1]}.html").as_uri()


@pytest.fixture(scope="module")
def hostile_page(lake, tmp_path_factory) -> str:
    """The address of the page of a day whose records hold markup, formulas and what commands a terminal."""
    logs = tmp_path_factory.mktemp("hostile")
    lines = [MANY_PACKETS.replace("203.0.113.9", value).replace("eni-0a", value) for value in HOSTILE]
    write_object(logs, DAY, lines)
    results = logs.parent / "hostile-results"
    code, output = flow_lake(lake, "run", "--logs", logs, "--date", DAY, FLOWLAKE_RESULTS=results)
    assert code == 0, output
    assert "\x1b" not in output
    return (results / f"reports/{DAY}.html").as_uri()


def open_page(browser: webdriver.Chrome, address: str, width: int = 1440, scheme: str = "light") -> None:
    """Open a file in a window of this width, in light or dark."""
    browser.get("about:blank")  # what the page before goes on to ask for is not this page's
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.execute_cdp_cmd("Network.enable", {})
    browser.get(address)


def addresses_asked(browser: webdriver.Chrome) -> set[str]:
    """Every address that the browser asked for since the page was opened."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}


def open_all(browser: webdriver.Chrome) -> None:
    browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")


LOW_CONTRAST = """
const light = (text) => {
  const parts = text.match(/[\\d.]+/g).map(Number).slice(0, 3).map((part) => part / 255);
  const [r, g, b] = parts.map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (colour !== "rgba(0, 0, 0, 0)") return colour;
  }
  return "rgb(255, 255, 255)";
};
return [...document.querySelectorAll("body *")].filter((element) => {
  if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) return false;
  if (element.closest("script, .unseen")) return false;
  const colour = element.closest("svg") ? getComputedStyle(element).fill : getComputedStyle(element).color;
  const [one, other] = [light(colour), light(behind(element))].sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05) < 4.5;
}).map((element) => element.outerHTML.slice(0, 100));
"""


PICTURES = {("page", 1440, "light"): "page.png", ("page", 390, "dark"): "page-phone.png"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("name", ["page", "index", "hostile_page"])
def test_a_page_fits_is_readable_and_loads_nothing(request, browser, page, name, width, scheme):
    address = page.replace(str(DAYS[-1]), "index") if name == "index" else request.getfixturevalue(name)
    open_page(browser, address, width, scheme)
    if (name, width, scheme) in PICTURES:
        take_picture(browser, PICTURES[name, width, scheme])
    open_all(browser)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.execute_script(LOW_CONTRAST) == []
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[scheme]
    assert addresses_asked(browser) == {address}
    assert browser.get_log("browser") == []


def test_a_page_says_what_happened_and_that_it_is_simulated(browser, page):
    open_page(browser, page)
    text = browser.find_element(By.TAG_NAME, "body").text
    assert text.startswith("SIMULATED")
    assert re.search(r"[\d,]+ records read, [\d,]+ rejected by [\d,]+ sources, [\d,]+ unreadable\.", text)
    headings = [heading.text for heading in browser.find_elements(By.TAG_NAME, "h2")]
    assert headings == [
        "Is the day complete?",
        "What needs a look",
        "Rejected flows by hour",
        "Who was rejected, and where",
        "Who talks out",
        "What is new",
        "Every report",
    ]
    assert len(browser.find_elements(By.CSS_SELECTOR, "details.report")) == len(REPORTS)


def column(browser: webdriver.Chrome, number: int) -> list[str]:
    rows = browser.find_elements(By.CSS_SELECTOR, "#top_rejected_pairs table.sortable tbody tr")
    return [row.find_elements(By.TAG_NAME, "td")[number].text for row in rows if row.is_displayed()]


def test_a_table_is_sorted_with_mouse_and_keyboard(browser, page):
    open_page(browser, f"{page}#top_rejected_pairs")  # the link opens the report
    packets = column(browser, 0)
    numbers = [int(text.replace(",", "")) for text in packets]
    assert numbers == sorted(numbers, reverse=True)
    assert len(numbers) == 20
    button, source = browser.find_elements(By.CSS_SELECTOR, "#top_rejected_pairs thead button")[:2]
    button.click()
    assert column(browser, 0) == packets  # numbers begin with the largest
    button.click()
    assert column(browser, 0) == packets[::-1]
    heading = browser.find_element(By.CSS_SELECTOR, "#top_rejected_pairs table.sortable thead th")
    assert heading.get_attribute("aria-sort") == "ascending"
    source.send_keys(Keys.ENTER)
    assert heading.get_attribute("aria-sort") is None
    addresses = [tuple(map(int, text.split(" ")[0].split("."))) for text in column(browser, 1)]
    assert addresses == sorted(addresses)


def test_a_table_is_searched(browser, page):
    open_page(browser, f"{page}#top_rejected_pairs")
    search = browser.find_element(By.CSS_SELECTOR, "#top_rejected_pairs input")
    search.send_keys("BASTION 198.18")
    shown = column(browser, 2)
    assert 0 < len(shown) < 20
    assert all("(bastion)" in text for text in shown)
    search.clear()
    search.send_keys("nobody")
    assert column(browser, 0) == []


def test_a_page_says_the_same_without_its_script(browser, page):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        open_page(browser, page)
        browser.find_element(By.XPATH, "//summary[contains(., 'Pairs with the most rejected packets')]").click()
        assert len(column(browser, 0)) == 20
        assert browser.find_elements(By.CSS_SELECTOR, "thead button") == []
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_the_index_leads_to_each_day(browser, page, lake):
    open_page(browser, page)
    browser.find_element(By.LINK_TEXT, "All days").click()
    links = [link.text for link in browser.find_elements(By.CSS_SELECTOR, "tbody a")]
    assert links == [str(day) for day in reversed(DAYS)]
    assert len(browser.find_elements(By.CSS_SELECTOR, "svg circle")) == 3
    browser.find_element(By.LINK_TEXT, str(DAYS[0])).click()
    assert str(DAYS[0]) in browser.find_element(By.TAG_NAME, "h1").text


def test_what_a_record_holds_is_text_on_the_page(browser, hostile_page):
    open_page(browser, hostile_page)
    open_all(browser)
    text = browser.find_element(By.TAG_NAME, "main").text
    for value in HOSTILE:
        assert value.replace("\x1b", r"\x1b") in text
    assert browser.title == f"{DAY}: VPC flow logs"
    assert browser.find_elements(By.CSS_SELECTOR, "main script, main img") == []


def test_a_page_and_its_files_are_small(lake):
    assert 0 < max(path.stat().st_size for path in (lake / "data/results/reports").glob("*.html")) < 1_000_000


def test_nobody_is_asked_to_join_anything(ui, browser):
    page = look_at(browser, f"{ui}/jobs", "daily_reject_reports")
    assert not re.search("newsletter|Slack", page)
