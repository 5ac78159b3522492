"""Settings: what they default to, where they come from, and how a wrong one is told."""

import os
from datetime import date
from pathlib import Path

import pytest
from support import ROOT

import pipelines.settings
from flowlogs.errors import FlowLakeError
from pipelines.settings import Settings, folder_name, read_settings
from pipelines.targets import build_target

WHERE_TO_SET = "\nThe environment and .env are where these are set; .env.example explains each."


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project's root of this test's own."""
    monkeypatch.setattr(pipelines.settings, "PROJECT_ROOT", tmp_path)
    return tmp_path


def env_example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return dict(line.removeprefix("#").split("=", 1) for line in lines if line.startswith("#FLOWLAKE_"))


ACCOUNTS = "the 12 digits of an AWS account, several with commas between them, or *"
REGIONS = "an AWS region, such as eu-west-1, several with commas between them, or *"
FORMAT = "AWS's own format, such as ${version} ${account-id} ${srcaddr} ${action}"


def test_the_defaults_are_those_of_the_embedded_target(root):
    settings = read_settings()
    assert settings.model_dump() == {
        "target": "embedded",
        "bucket": "data/bucket",
        "results": None,
        "account_id": None,
        "region": None,
        "prefix": None,
        "log_format": None,
        "file_format": "plain-text",
        "hive_partitions": False,
        "hourly_partitions": False,
        "vpc_ids": (),
        "database": "vpc_flow_lake",
        "table": "vpc_flow_logs",
        "workgroup": "vpc-flow-lake",
        "start_date": date(2021, 1, 1),
        "traffic_type": "ALL",
        "aggregation_seconds": 600,
        "names": None,
        "reports": None,
        "coarse_summary": False,
        "leave_out_damaged": False,
        "alert_sns_topic": None,
        "alert_webhook": None,
        "alert_link": None,
        "alert_least_records": 10,
        "keep_logs_days": None,
        "keep_datasets_days": None,
        "keep_reports_days": None,
        "second_flow_log": False,
        "flow_log_name": "vpc-flow-lake",
        "lateness_days": 3,
        "scan_limit_bytes": 100_000_000_000,
        "query_timeout_seconds": 1_800,
    }
    assert settings.is_default_bucket
    assert settings.bucket_folder == root / "data/bucket"
    assert settings.results_folder == root / "data/results"
    assert settings.history_folder == root / "data/results/dagster"


def test_the_file_of_names_is_relative_to_the_root(root, monkeypatch):
    assert read_settings().names_file is None
    monkeypatch.setenv("FLOWLAKE_NAMES", "own/names.csv")
    assert read_settings().names_file == root / "own/names.csv"


def test_the_example_names_every_variable(root):
    assert sorted(env_example()) == sorted(f"FLOWLAKE_{name.upper()}" for name in Settings.model_fields)


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("FLOWLAKE_BUCKET", "/logs", "/logs"),
        ("FLOWLAKE_RESULTS", "/results", "/results"),
        ("FLOWLAKE_ACCOUNT_ID", "012345678901", "012345678901"),
        ("FLOWLAKE_REGION", "us-gov-west-1", "us-gov-west-1"),
        ("FLOWLAKE_SECOND_FLOW_LOG", "true", True),
        ("FLOWLAKE_VPC_IDS", "vpc-0a1b2c3d4e5f60718, vpc-0a1b2c3d,", ("vpc-0a1b2c3d4e5f60718", "vpc-0a1b2c3d")),
        ("FLOWLAKE_DATABASE", "other", "other"),
        ("FLOWLAKE_TABLE", "_logs_2", "_logs_2"),
        ("FLOWLAKE_WORKGROUP", "team.a_b-c", "team.a_b-c"),
        ("FLOWLAKE_START_DATE", "2020-02-29", date(2020, 2, 29)),
        ("FLOWLAKE_TRAFFIC_TYPE", "REJECT", "REJECT"),
        ("FLOWLAKE_AGGREGATION_SECONDS", "60", 60),
        ("FLOWLAKE_FLOW_LOG_NAME", "mine", "mine"),
        ("FLOWLAKE_LATENESS_DAYS", "0", 0),
        ("FLOWLAKE_LATENESS_DAYS", "31", 31),
        ("FLOWLAKE_KEEP_LOGS_DAYS", "7", 7),
        ("FLOWLAKE_KEEP_DATASETS_DAYS", "90", 90),
        ("FLOWLAKE_KEEP_REPORTS_DAYS", "36500", 36_500),
        ("FLOWLAKE_SCAN_LIMIT_BYTES", "10000000", 10_000_000),
        ("FLOWLAKE_QUERY_TIMEOUT_SECONDS", "1.5", 1.5),
        ("FLOWLAKE_LEAVE_OUT_DAMAGED", "true", True),
        *(
            ("FLOWLAKE_ALERT_SNS_TOPIC", arn, arn)
            for arn in ("arn:aws:sns:eu-west-1:123456789012:a_B-1", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:x")
        ),
        ("FLOWLAKE_ALERT_LINK", "https://dagster.example.com/x", "https://dagster.example.com/x"),
        ("FLOWLAKE_ALERT_LEAST_RECORDS", "1", 1),
    ],
)
def test_a_variable_sets_what_it_names(monkeypatch, root, variable, text, value):
    monkeypatch.setenv(variable, text)
    assert getattr(read_settings(), variable.removeprefix("FLOWLAKE_").lower()) == value


@pytest.mark.parametrize(
    "address",
    [
        "https://hooks.slack.com/services/T0/B0/x",
        "https://example.com:8443/?token=a%20b",
        "http://localhost:8000/x",
        "http://127.0.0.1/x",
        "http://[::1]:9/x",
    ],
)
def test_a_webhook_is_an_address_that_is_not_shown(monkeypatch, root, address):
    monkeypatch.setenv("FLOWLAKE_ALERT_WEBHOOK", address)
    settings = read_settings()
    assert settings.alert_webhook.get_secret_value() == address
    assert address not in repr(settings) and address not in str(settings.model_dump())


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.example.com/secret",
        "http://127.0.0.1.example.com/secret",
        "ftp://localhost/secret",
        "file:///etc/secret",
        "hooks.example.com/secret",
        "https:///secret",
        "https://user:secret@example.com/",
        "https://example.com/a secret",
        "https://example.com/secret\nX: y",
        "https://example.com:port/secret",
        "https://[secret",
        "https://example.com/sécret",
    ],
)
def test_another_address_is_refused_and_not_shown(monkeypatch, root, address):
    monkeypatch.setenv("FLOWLAKE_ALERT_WEBHOOK", address)
    with pytest.raises(FlowLakeError) as caught:
        read_settings()
    assert str(caught.value) == (
        "FLOWLAKE_ALERT_WEBHOOK=(a secret): expected an address that begins with https:// (http:// on this machine "
        f"alone).{WHERE_TO_SET}"
    )
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_a_line_of_the_env_file_that_names_a_secret_and_sets_nothing_is_not_shown(monkeypatch, root):
    (root / ".env").write_text("FLOWLAKE_ALERT_WEBHOOK https://hooks.example.com/t0ken\n")
    with pytest.raises(FlowLakeError) as caught:
        read_settings()
    assert "line 1: 'FLOWLAKE_ALERT_WEBHOOK…' sets nothing." in str(caught.value)
    assert "t0ken" not in str(caught.value)


@pytest.mark.parametrize(
    "arn",
    [
        "flow-lake",
        "arn:aws:sqs:eu-west-1:123456789012:x",
        "arn:aws:sns:eu-west-1:123456789012:x.fifo",
        "arn:aws:sns:eu-west-1:1:x",
        "arn:aws:sns:eu-west-1:123456789012:x:subscription",
    ],
)
def test_what_is_no_arn_of_a_standard_topic_is_refused(monkeypatch, root, arn):
    monkeypatch.setenv("FLOWLAKE_ALERT_SNS_TOPIC", arn)
    with pytest.raises(FlowLakeError, match=r"expected the ARN of a standard topic"):
        read_settings()


def test_a_variable_that_is_empty_is_not_set(monkeypatch, root):
    monkeypatch.setenv("FLOWLAKE_RESULTS", "")
    monkeypatch.setenv("FLOWLAKE_AGGREGATION_SECONDS", "")
    assert read_settings() == Settings()


def test_the_environment_overrides_the_env_file(monkeypatch, root):
    (root / ".env").write_text("FLOWLAKE_TABLE=from_file\nFLOWLAKE_DATABASE=from_file\nSOMETHING=else\n")
    monkeypatch.setitem(Settings.model_config, "env_file", root / ".env")
    monkeypatch.setenv("FLOWLAKE_TABLE", "from_environment")
    settings = read_settings()
    assert (settings.database, settings.table) == ("from_file", "from_environment")


@pytest.mark.parametrize("quote", ["'", '"', ""])
def test_the_env_files_log_format_is_taken_as_it_is_written(monkeypatch, root, quote):
    log_format = "${version} ${srcaddr} ${action}"
    (root / ".env").write_text(f"FLOWLAKE_LOG_FORMAT={quote}{log_format}{quote}\nFLOWLAKE_TABLE=${{NAME}}\n")
    monkeypatch.setitem(Settings.model_config, "env_file", root / ".env")
    monkeypatch.setenv("NAME", "from_variable")
    monkeypatch.setenv("version", "2")
    settings = read_settings()
    assert (settings.log_format, settings.table) == (log_format, "from_variable")
    monkeypatch.setenv("FLOWLAKE_LOG_FORMAT", "${action}")
    assert read_settings().log_format == "${action}"


IDENTIFIER = "a name of lower-case letters, digits and underscores that does not begin with a digit"


@pytest.mark.parametrize(
    ("variable", "text", "expected"),
    [
        ("FLOWLAKE_TARGET", "spark", "embedded or aws"),
        (
            "FLOWLAKE_ACCOUNT_ID",
            "12345678901",
            ACCOUNTS,
        ),
        ("FLOWLAKE_REGION", "us-east-1a", REGIONS),
        ("FLOWLAKE_SECOND_FLOW_LOG", "perhaps", "true or false"),
        ("FLOWLAKE_VPC_IDS", "vpc-1", "VPC ids, such as vpc-0a1b2c3d4e5f60718, with commas between them"),
        ("FLOWLAKE_DATABASE", "flow-lake", IDENTIFIER),
        ("FLOWLAKE_TABLE", "logs; DROP TABLE logs", IDENTIFIER),
        ("FLOWLAKE_WORKGROUP", "a b", "a workgroup's name, of letters, digits, dots, hyphens and underscores"),
        ("FLOWLAKE_START_DATE", "2021-02-30", "a day, such as 2021-01-31"),
        ("FLOWLAKE_START_DATE", "20210131", "a day, such as 2021-01-31"),
        ("FLOWLAKE_TRAFFIC_TYPE", "reject", "ALL, ACCEPT or REJECT"),
        ("FLOWLAKE_AGGREGATION_SECONDS", "ten", "60 or 600"),
        ("FLOWLAKE_FLOW_LOG_NAME", "n" * 257, "at most 256 characters"),
        ("FLOWLAKE_KEEP_LOGS_DAYS", "6", "a number of days, at least 7, or nothing to keep them for good"),
        ("FLOWLAKE_KEEP_REPORTS_DAYS", "all", "a number of days, at least 7, or nothing to keep them for good"),
        ("FLOWLAKE_SCAN_LIMIT_BYTES", "1", "a number of bytes, at least 10000000"),
        ("FLOWLAKE_QUERY_TIMEOUT_SECONDS", "0", "a number of seconds, at most 604800 (a week)"),
        ("FLOWLAKE_QUERY_TIMEOUT_SECONDS", "inf", "a number of seconds, at most 604800 (a week)"),
        (
            "FLOWLAKE_LOG_FORMAT",
            "version srcaddr",
            FORMAT,
        ),
        (
            "FLOWLAKE_LOG_FORMAT",
            "${srcaddr}",
            FORMAT,
        ),
        ("FLOWLAKE_FILE_FORMAT", "orc", "plain-text or parquet"),
        (
            "FLOWLAKE_ACCOUNT_ID",
            "123456789012,1",
            ACCOUNTS,
        ),
    ],
)
def test_a_wrong_variable_is_named_with_what_was_expected(monkeypatch, root, variable, text, expected):
    monkeypatch.setenv(variable, text)
    with pytest.raises(FlowLakeError) as error:
        read_settings()
    assert str(error.value) == f"{variable}={text!r}: expected {expected}.{WHERE_TO_SET}"


def test_every_wrong_variable_is_named_at_once(monkeypatch, root):
    monkeypatch.setenv("FLOWLAKE_REGION", "here")
    monkeypatch.setenv("FLOWLAKE_AGGREGATION_SECONDS", "61")
    with pytest.raises(FlowLakeError) as error:
        read_settings()
    assert str(error.value) == (
        "FLOWLAKE_REGION='here': expected an AWS region, such as eu-west-1, several with commas between them, or *.\n"
        f"FLOWLAKE_AGGREGATION_SECONDS=61: expected 60 or 600.{WHERE_TO_SET}"
    )


@pytest.mark.parametrize("variable", ["FLOWLAKE_BUCKET", "FLOWLAKE_RESULTS"])
def test_an_address_is_no_folder(monkeypatch, root, variable):
    monkeypatch.setenv(variable, "s3://bucket/prefix")
    with pytest.raises(FlowLakeError, match=f"^{variable}='s3://bucket/prefix': with FLOWLAKE_TARGET=embedded"):
        read_settings()


def test_the_home_of_a_user_that_does_not_exist_is_no_folder(monkeypatch, root):
    monkeypatch.setenv("FLOWLAKE_BUCKET", "~nobody-has-this-name/logs")
    with pytest.raises(FlowLakeError, match=r"~nobody-has-this-name/logs \(see FLOWLAKE_BUCKET"):
        read_settings()


@pytest.mark.parametrize("variable", ["DAGSTER_HOME", "TMPDIR"])
def test_other_programs_folders_may_have_any_name(monkeypatch, root, variable):
    monkeypatch.setenv(variable, "~nobody-has-this-name/x")
    assert read_settings() == Settings()


@pytest.mark.parametrize("results", ["logs", "logs/results", "logs/../logs/results"])
def test_results_in_the_bucket_are_refused(monkeypatch, root, results):
    monkeypatch.setenv("FLOWLAKE_BUCKET", "logs")
    monkeypatch.setenv("FLOWLAKE_RESULTS", results)
    with pytest.raises(FlowLakeError, match="^FLOWLAKE_RESULTS: .* lies in the bucket .*/logs, which is read"):
        read_settings()


@pytest.mark.parametrize("logs", ["", "..", "data"])
def test_a_bucket_above_the_projects_own_results_is_told(monkeypatch, root, logs):
    monkeypatch.setenv("FLOWLAKE_BUCKET", str(root / logs))
    with pytest.raises(FlowLakeError) as error:
        read_settings()
    assert str(error.value).startswith(
        f"{(root / logs).resolve()} (FLOWLAKE_BUCKET, or LOGS=) is a folder that this project's results lie in ("
    )


def test_results_in_the_bucket_by_way_of_a_link_are_refused(monkeypatch, root):
    (root / "logs").mkdir()
    (root / "link").symlink_to(root / "logs")
    monkeypatch.setenv("FLOWLAKE_BUCKET", "logs")
    monkeypatch.setenv("FLOWLAKE_RESULTS", "link/results")
    with pytest.raises(FlowLakeError, match="^FLOWLAKE_RESULTS: .* lies in the bucket"):
        read_settings()


def test_relative_folders_are_relative_to_the_project(monkeypatch, root):
    monkeypatch.setenv("FLOWLAKE_BUCKET", "../logs")
    monkeypatch.setenv("FLOWLAKE_RESULTS", "out")
    settings = read_settings()
    assert (settings.bucket_folder, settings.results_folder) == (root.parent / "logs", root / "out")


def test_a_tilde_is_the_users_home(monkeypatch, root):
    monkeypatch.setenv("HOME", str(root / "home"))
    monkeypatch.setenv("FLOWLAKE_BUCKET", "~/logs")
    assert read_settings().bucket_folder == root / "home/logs"


def test_the_default_bucket_is_known_by_any_of_its_names(monkeypatch, root):
    monkeypatch.setenv("FLOWLAKE_BUCKET", str(root / "data/../data/bucket/"))
    settings = read_settings()
    assert settings.is_default_bucket
    assert settings.results_folder == root / "data/results"


def test_each_other_bucket_has_results_of_its_own(root):
    folders = ["a/logs", "b/logs", "b/Logs", "logs"]
    results = {Settings(bucket=folder).results_folder for folder in folders}
    assert len(results) == len(folders)
    assert {path.parent for path in results} == {root / "data"}
    assert root / "data/results" not in results


def test_a_bucket_has_the_same_results_by_any_of_its_names(root):
    (root / "logs").mkdir()
    (root / "link").symlink_to(root / "logs")
    names = ["logs", "logs/", "./logs", str(root / "logs"), "link"]
    assert len({Settings(bucket=name).results_folder for name in names}) == 1


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("/x/My Logs (2021)", "my-logs-2021"),
        ("/x/журнал", "bucket"),
        ("/x/" + "long" * 50, "long" * 12),
        (os.fsdecode(b"/x/\xff\xfe"), "bucket"),
    ],
)
def test_a_folders_name_is_one_that_a_bucket_may_have(folder, words):
    name = folder_name(Path(folder))
    assert name[:-9] == words
    assert name[-9] == "-"
    assert len(name) <= 63


def test_the_aws_target_needs_a_buckets_name(monkeypatch, root):
    monkeypatch.setenv("FLOWLAKE_TARGET", "aws")
    with pytest.raises(FlowLakeError, match="^FLOWLAKE_BUCKET: with FLOWLAKE_TARGET=aws, name the S3 bucket"):
        read_settings()


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("FLOWLAKE_TARGT", "FLOWLAKE_TARGET"),
        ("FLOWLAKE_VPC_ID", "FLOWLAKE_VPC_IDS"),
        ("flowlake_buket", "FLOWLAKE_BUCKET"),
    ],
)
@pytest.mark.parametrize("place", ["the environment", ".env"])
def test_a_setting_that_is_misspelt_is_told_and_not_passed_over(root, monkeypatch, variable, meant, place):
    if place == ".env":
        (root / ".env").write_text(f"{variable}=x\n", encoding="utf-8")
    else:
        monkeypatch.setenv(variable, "x")
    with pytest.raises(FlowLakeError, match=f"^{variable} is not a setting. Did you mean {meant}\\?$"):
        read_settings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"A=1\nFLOWLAKE_TARGET\n", ", line 2: 'FLOWLAKE_TARGET' sets nothing. Write NAME=value, or # in front of "),
        (b"two words\n", ", line 1: 'two words' sets nothing. Write NAME=value, or # in front of "),
        (b"FLOWLAKE_TABLE='x\n", ', line 1: "FLOWLAKE_TABLE=\'x" sets nothing. Write NAME=value, or # in front of '),
        (b"\xff\xfe", " cannot be read: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte. Save "),
    ],
    ids=["no value", "no name", "no end", "no text"],
)
def test_a_line_of_env_that_sets_nothing_is_told(root, text, problem):
    (root / ".env").write_bytes(text)
    with pytest.raises(FlowLakeError) as told:
        read_settings()
    assert str(told.value).startswith(f"{root}/.env{problem}")


def test_lines_of_env_that_are_other_programs_are_theirs(root):
    (root / ".env").write_text("# FLOWLAKE_TABLE\n\nexport A=1\nHOME\n", encoding="utf-8-sig")
    assert read_settings().table == "vpc_flow_logs"


def test_a_variable_that_resembles_no_setting_is_somebody_elses(root, monkeypatch):
    monkeypatch.setenv("FLOWLAKE_TEST_LOGS", "x")
    assert read_settings().target == "embedded"


def test_a_folder_whose_name_is_no_text_is_told(root, monkeypatch):
    monkeypatch.setenv("FLOWLAKE_RESULTS", "bad\udcff")
    with pytest.raises(FlowLakeError, match="is not UTF-8: rename it"):
        read_settings()


@pytest.mark.parametrize("below", ["reports", "source", "logs/of/mine"])
def test_a_bucket_inside_the_results_is_an_error(monkeypatch, tmp_path, below):
    monkeypatch.setenv("FLOWLAKE_RESULTS", str(tmp_path))
    monkeypatch.setenv("FLOWLAKE_BUCKET", str(tmp_path / below))
    with pytest.raises(FlowLakeError, match="lies in the folder of results"):
        read_settings()


# Where else we write


@pytest.mark.parametrize("home", ["logs", "logs/dagster", "out/../logs/dagster", "link", "link/AWSLogs"])
def test_dagsters_history_in_the_bucket_is_refused(monkeypatch, root, home):
    (root / "logs").mkdir()
    (root / "link").symlink_to(root / "logs")
    monkeypatch.setenv("FLOWLAKE_BUCKET", "logs")
    monkeypatch.setenv("DAGSTER_HOME", str(root / home))
    with pytest.raises(FlowLakeError) as error:
        read_settings()
    assert str(error.value) == (
        f"Dagster's history would be kept in {root / home}, which lies in the bucket {root}/logs (FLOWLAKE_BUCKET, or "
        "LOGS=): that is read, and never written. Name a folder outside of it in DAGSTER_HOME."
    )


@pytest.mark.parametrize("folder", ["storage", "history/runs", ".running"])
def test_a_folder_of_the_history_that_leads_into_the_bucket_is_refused(monkeypatch, root, folder):
    (root / "logs").mkdir()
    (root / "home" / folder).parent.mkdir(parents=True)
    (root / "home" / folder).symlink_to(root / "logs")
    monkeypatch.setenv("FLOWLAKE_BUCKET", "logs")
    monkeypatch.setenv("DAGSTER_HOME", str(root / "home"))
    with pytest.raises(FlowLakeError, match=f"^Dagster's history would be kept in {root}/home/{folder}, which lies in"):
        read_settings()


def test_a_history_beside_the_results_that_leads_into_the_bucket_is_refused(monkeypatch, root):
    (root / "results").mkdir()
    (root / "results/dagster").symlink_to(root / "logs/dagster")
    monkeypatch.setenv("FLOWLAKE_BUCKET", "logs")
    monkeypatch.setenv("FLOWLAKE_RESULTS", "results")
    with pytest.raises(FlowLakeError, match=f"^Dagster's history would be kept in {root}/results/dagster, which lies"):
        read_settings()


@pytest.mark.parametrize("linked", ["data", "data/results"])
def test_default_results_that_lead_into_the_bucket_are_refused(monkeypatch, root, linked):
    (root / "logs").mkdir()
    (root / linked).parent.mkdir(exist_ok=True)
    (root / linked).symlink_to(root / "logs")
    monkeypatch.setenv("FLOWLAKE_BUCKET", "logs")
    if linked == "data/results":
        monkeypatch.setenv("FLOWLAKE_RESULTS", linked)
    with pytest.raises(FlowLakeError, match="lies in the bucket|is a folder that this project's results lie in"):
        read_settings()


def test_a_history_beside_the_bucket_serves(monkeypatch, root):
    monkeypatch.setenv("FLOWLAKE_BUCKET", "home/logs-of-mine")
    monkeypatch.setenv("DAGSTER_HOME", str(root / "home"))
    assert read_settings().dagster_home == root / "home"


@pytest.mark.parametrize("variable", ["TMPDIR", "TEMP", "TMP"])
@pytest.mark.parametrize("folder", ["logs", "logs/temporary", "link"])
def test_temporary_files_in_the_bucket_are_refused(monkeypatch, root, variable, folder):
    (root / "logs").mkdir()
    (root / "link").symlink_to(root / "logs")
    monkeypatch.setenv("FLOWLAKE_BUCKET", "logs")
    monkeypatch.setenv(variable, str(root / folder))
    with pytest.raises(FlowLakeError, match=f"^Temporary files are kept in {root}/{folder}, .*in {variable}; then run"):
        read_settings()


LINKS = ["AWSLogs", "AWSLogs/1/vpcflowlogs/eu-west-1", "AWSLogs/1/vpcflowlogs/eu-west-1/2024/01/02", "a/prefix"]
"""Folders of a bucket that are links."""


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch, root: Path, request: pytest.FixtureRequest) -> Path:
    """Where a link in the bucket leads, which is called otherwise."""
    archive = root / "elsewhere/archive"
    (archive / "below").mkdir(parents=True)
    link = root / "logs" / request.param
    link.parent.mkdir(parents=True)
    link.symlink_to(archive)
    monkeypatch.setenv("FLOWLAKE_BUCKET", "logs")
    return archive


@pytest.mark.parametrize("variable", ["FLOWLAKE_RESULTS", "DAGSTER_HOME", "TMPDIR"])
@pytest.mark.parametrize("archive", LINKS, indirect=True)
def test_nothing_is_written_where_links_in_the_bucket_lead(monkeypatch, root, archive, variable):
    monkeypatch.setenv(variable, str(archive / "below"))
    where = rf"lies in {archive} \(where a link in {root}/logs leads; FLOWLAKE_BUCKET, or LOGS=\)"
    with pytest.raises(FlowLakeError, match=where):
        read_settings()


@pytest.mark.parametrize("archive", LINKS[:1], indirect=True)
def test_results_that_hold_what_the_bucket_links_to_are_refused(monkeypatch, root, archive):
    monkeypatch.setenv("FLOWLAKE_RESULTS", "elsewhere")
    with pytest.raises(FlowLakeError, match=f"^{archive} .* lies in the folder of results {root}/elsewhere, "):
        read_settings()


@pytest.mark.parametrize("archive", LINKS[:1], indirect=True)
def test_results_beside_what_the_bucket_links_to_serve(monkeypatch, root, archive):
    monkeypatch.setenv("FLOWLAKE_RESULTS", "elsewhere/archive-results")
    assert read_settings().results_folder == root / "elsewhere/archive-results"


@pytest.mark.parametrize("archive", LINKS[:1], indirect=True)
def test_what_lies_beside_a_bucket_is_not_in_it(root, archive):
    (root / "logs/all").symlink_to(root)
    (root / "logs/circle").symlink_to(root / "logs")
    assert read_settings().results_folder.parent == root / "data"


@pytest.mark.parametrize("variable", ["FLOWLAKE_RESULTS", "DAGSTER_HOME", "TMPDIR"])
def test_nothing_is_written_below_a_folder_called_awslogs(monkeypatch, root, variable):
    monkeypatch.setenv("FLOWLAKE_BUCKET", "logs")
    monkeypatch.setenv(variable, str(root / "other/AWSLogs/123456789012/results"))
    with pytest.raises(FlowLakeError, match=f"lies in {root}/other/AWSLogs, where flow logs are delivered"):
        read_settings()


@pytest.mark.parametrize("bucket", ["data/bucket", "mine"])
def test_a_default_bucket_that_is_a_link_is_a_folder_of_the_users(monkeypatch, root, bucket):
    (root / "mine").mkdir()
    (root / "data").mkdir()
    (root / "data/bucket").symlink_to(root / "mine")
    monkeypatch.setenv("FLOWLAKE_BUCKET", bucket)
    settings = read_settings()
    assert not settings.is_default_bucket
    assert not build_target(settings).bucket.is_simulated()
    assert settings.results_folder == root / "data" / folder_name(root / "mine")


@pytest.mark.parametrize("results", ["s3://bucket//lake", "s3://bucket/a//b", "s3://bucket/a//b/"])
def test_a_folder_without_a_name_is_refused_in_s3(monkeypatch, root, results):
    monkeypatch.setenv("FLOWLAKE_TARGET", "aws")
    monkeypatch.setenv("FLOWLAKE_BUCKET", "company-logs")
    monkeypatch.setenv("FLOWLAKE_RESULTS", results)
    with pytest.raises(FlowLakeError, match=f"^FLOWLAKE_RESULTS={results}: a folder has no name between two slashes"):
        read_settings()
