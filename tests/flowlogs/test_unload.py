"""The UNLOAD of datasets as it is sent to Athena, to the letter."""

from datetime import date

from flowlogs.datasets import DATASETS, REJECTED_FLOWS, TRAFFIC_BY_HOUR
from flowlogs.record_format import DEFAULT_FORMAT, PARQUET, RecordFormat, parse_log_format
from flowlogs.statements import TableName
from flowlogs.unload import RawRead, dataset_location, unload_datasets

NAME = TableName("vpc_flow_lake", "vpc_flow_logs")
OPTIONS = "WITH (format = 'PARQUET', compression = 'ZSTD', partitioned_by = ARRAY['dt', 'dataset'])"


def test_rejected_flows_alone_are_records_that_are_chosen_and_nothing_else() -> None:
    read = RawRead(NAME, DEFAULT_FORMAT, ("123456789012", "eu-west-1"))
    assert (
        unload_datasets([read], [REJECTED_FLOWS], date(2024, 2, 28), date(2024, 3, 1), "s3://results/1/")
        == f"""\
UNLOAD (
  SELECT "version", account, interfaceid, sourceaddress, destinationaddress, sourceport, destinationport, "protocol", \
numpackets, numbytes, starttime, endtime, action, logstatus, '123456789012' AS aws_account_id, \
'eu-west-1' AS aws_region, dt, 'rejected_flows' AS dataset
  FROM "vpc_flow_lake"."vpc_flow_logs"
  WHERE action = 'REJECT'
    AND dt BETWEEN '2024-02-28' AND '2024-03-01'
)
TO 's3://results/1/'
{OPTIONS}"""
    )


def test_rejected_flows_from_tables_of_several_formats() -> None:
    other = RecordFormat(parse_log_format("${action} ${start} ${vpc-id}").fields, PARQUET)
    side = TableName("vpc_flow_lake", "vpc_flow_logs_0badcafe")
    text = parse_log_format("${packets} ${action}")
    reads = [RawRead(NAME, text), RawRead(side, other, excluded=[("s3://b/it's_", "s3://b/it's_~")])]
    assert (
        unload_datasets(reads, [REJECTED_FLOWS], date(2024, 2, 28), date(2024, 2, 28), "s3://results/1/", "-- run 1")
        == f"""\
UNLOAD (
  SELECT numpackets, CAST(NULL AS bigint) AS starttime, action, CAST(NULL AS varchar) AS vpc_id, aws_account_id, \
aws_region, dt, 'rejected_flows' AS dataset
  FROM "vpc_flow_lake"."vpc_flow_logs"
  WHERE action = 'REJECT'
    AND dt BETWEEN '2024-02-28' AND '2024-02-28'
  UNION ALL
  SELECT CAST(NULL AS bigint) AS numpackets, "start" AS starttime, action, vpc_id, aws_account_id, aws_region, dt, \
'rejected_flows' AS dataset
  FROM "vpc_flow_lake"."vpc_flow_logs_0badcafe"
  WHERE action = 'REJECT'
    AND dt BETWEEN '2024-02-28' AND '2024-02-28'
    AND "$path" NOT BETWEEN 's3://b/it''s_' AND 's3://b/it''s_~'
  -- run 1
)
TO 's3://results/1/'
{OPTIONS}"""
    )


def test_a_summary_alone_groups_all_records() -> None:
    read = RawRead(NAME, DEFAULT_FORMAT)
    port = (
        "CASE WHEN destinationport < 32768 AND (sourceport IS NULL OR destinationport <= sourceport) "
        "THEN destinationport WHEN sourceport < 32768 THEN sourceport END"
    )
    assert (
        unload_datasets([read], [TRAFFIC_BY_HOUR], date(2024, 2, 28), date(2024, 2, 28), "s3://results/1/")
        == f"""\
UNLOAD (
  SELECT aws_account_id, aws_region, interfaceid, serviceport, "protocol", action, logstatus, hour, \
count(*) AS records, sum(numpackets) AS numpackets, sum(numbytes) AS numbytes, dt, 'traffic_by_hour' AS dataset
  FROM (
    SELECT aws_account_id, aws_region, interfaceid, {port} AS serviceport, "protocol", action, logstatus, \
CAST(starttime % 86400 / 3600 AS integer) AS hour, numpackets, numbytes, dt
    FROM "vpc_flow_lake"."vpc_flow_logs"
    WHERE dt BETWEEN '2024-02-28' AND '2024-02-28'
  )
  GROUP BY aws_account_id, aws_region, interfaceid, serviceport, "protocol", action, logstatus, hour, dt
)
TO 's3://results/1/'
{OPTIONS}"""
    )


def test_all_datasets_read_the_table_once() -> None:
    read = RawRead(NAME, parse_log_format("${srcaddr} ${packets} ${start} ${action}"), ("123456789012", "eu-west-1"))
    statement = unload_datasets(
        [read], list(DATASETS.values()), date(2024, 2, 28), date(2024, 2, 28), "s3://results/1/", "-- run 1"
    )
    port = (
        "CASE WHEN CAST(NULL AS integer) < 32768 AND (CAST(NULL AS integer) IS NULL OR CAST(NULL AS integer) <= "
        "CAST(NULL AS integer)) THEN {} WHEN CAST(NULL AS integer) < 32768 THEN {} END"
    )
    number = port.format("CAST(NULL AS integer)", "CAST(NULL AS integer)")
    assert (
        statement
        == f"""\
UNLOAD (
  SELECT sourceaddress, sum(numpackets) AS numpackets, sum(numbytes) AS numbytes, min(starttime) AS starttime, \
max(endtime) AS endtime, action, aws_account_id, aws_region, serviceport, service_end, hour, count(*) AS records, dt, \
dataset
  FROM (
    SELECT
      CASE WHEN dataset = 'rejected_flows' THEN uuid() END AS record,
      '123456789012' AS aws_account_id,
      'eu-west-1' AS aws_region,
      CASE WHEN dataset = 'rejected_flows' OR dataset = 'traffic_summary' THEN sourceaddress END AS sourceaddress,
      action,
      CASE WHEN dataset = 'traffic_summary' OR dataset = 'traffic_by_hour' THEN {number} END AS serviceport,
      CASE WHEN dataset = 'traffic_summary' THEN {port.format("'destination'", "'source'")} END AS service_end,
      CASE WHEN dataset = 'traffic_by_hour' THEN CAST(starttime % 86400 / 3600 AS integer) END AS hour,
      numpackets,
      CASE WHEN dataset = 'traffic_summary' OR dataset = 'traffic_by_hour' THEN CAST(NULL AS bigint) END AS numbytes,
      CASE WHEN dataset = 'rejected_flows' OR dataset = 'traffic_summary' THEN starttime END AS starttime,
      CASE WHEN dataset = 'traffic_summary' THEN CAST(NULL AS bigint) END AS endtime,
      dt,
      dataset
    FROM "vpc_flow_lake"."vpc_flow_logs"
    CROSS JOIN UNNEST(ARRAY['rejected_flows', 'traffic_summary', 'traffic_by_hour']) AS datasets (dataset)
    WHERE dt BETWEEN '2024-02-28' AND '2024-02-28'
    AND (dataset <> 'rejected_flows' OR action = 'REJECT')
  )
  GROUP BY record, aws_account_id, aws_region, sourceaddress, action, serviceport, service_end, hour, dt, dataset
  -- run 1
)
TO 's3://results/1/'
{OPTIONS}"""
    )


def test_a_datasets_day_is_a_folder_named_as_hive_names_it() -> None:
    day = date(2024, 2, 29)
    assert dataset_location("s3://results/1/", "traffic_summary", day) == (
        "s3://results/1/dt=2024-02-29/dataset=traffic_summary/"
    )
