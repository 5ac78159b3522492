"""What `make run` says of days before whose objects changed after their reports were made."""

from datetime import date, timedelta

from support import ACCEPTED, DAY, MANY_PACKETS, NEXT_DAY, PING, write_object

from pipelines.commands.changed_days import changed_days


def test_a_day_with_late_objects_is_told_by_name_with_the_command(lake):
    assert lake.run(DAY).success
    assert changed_days(lake.target, NEXT_DAY, 3, None) == []
    for number, line in enumerate((MANY_PACKETS, PING, ACCEPTED), 7):
        write_object(lake.logs, DAY, [line], number=number)
    told = f"{DAY}: 3 objects arrived since its reports were made: make run"
    assert changed_days(lake.target, NEXT_DAY, 3, None) == [f"{told} DATE={DAY}"]
    assert changed_days(lake.target, NEXT_DAY, 3, "my logs") == [f"{told} LOGS='my logs' DATE={DAY}"]
    assert changed_days(lake.target, DAY + timedelta(days=3), 3, None) == [f"{told} DATE={DAY}"]
    assert changed_days(lake.target, DAY + timedelta(days=4), 3, None) == []
    assert changed_days(lake.target, NEXT_DAY, 0, None) == []
    assert changed_days(lake.target, DAY, 3, None) == []
    assert lake.run(DAY).success
    assert changed_days(lake.target, NEXT_DAY, 3, None) == []


def test_without_reports_of_the_days_before_no_folder_is_looked_at(lake):
    lake.logs.rename(lake.logs.with_name("moved"))
    assert changed_days(lake.target, DAY, 3, None) == []


def test_a_folder_that_cannot_be_looked_at_is_told(lake):
    assert lake.run(DAY).success
    lake.logs.rename(lake.logs.with_name("moved"))
    (told,) = changed_days(lake.target, date(2021, 9, 4), 3, None)
    assert told.startswith("Whether objects arrived for the days before is not known: ")
