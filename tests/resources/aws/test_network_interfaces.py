"""EC2's network interfaces: their names, whose they are, and what is known where permissions are missing."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from aws_double.server import AwsDouble
from aws_lineage import become, make_vpc, metadata, policy, settings, subnet_of, succeed

from pipelines.targets import build_target
from resources.aws.clients import AwsClients
from resources.aws.network_interfaces import Ec2NetworkInterfaces
from resources.network_interfaces import FoundInterfaces, NetworkInterface, Vpc

IMAGE = "ami-0123456789abcdef0"


def find(*vpc_ids: str, **others: object) -> FoundInterfaces:
    return build_target(settings(vpc_ids, **others)).network_interfaces.find()


def name_tag(kind: str, name: str) -> dict[str, object]:
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]}


def test_an_instances_interface_has_the_instances_name(aws: AwsDouble) -> None:
    ec2 = boto3.client("ec2")
    vpc = make_vpc()
    subnet = subnet_of(vpc)
    (instance,) = ec2.run_instances(
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        PrivateIpAddress="10.0.1.10",
        **name_tag("instance", "web 1"),
    )["Instances"]
    interface_id = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    elastic = ec2.allocate_address(Domain="vpc")
    ec2.associate_address(AllocationId=elastic["AllocationId"], NetworkInterfaceId=interface_id)
    (zone,) = (found["AvailabilityZoneId"] for found in ec2.describe_subnets(SubnetIds=[subnet])["Subnets"])
    found = find(vpc)
    assert found.warnings == ()
    (interface,) = found.interfaces
    assert interface == NetworkInterface(
        interface_id,
        "web 1",
        kind="instance",
        belongs_to=instance["InstanceId"],
        private_addresses=("10.0.1.10",),
        public_addresses=(elastic["PublicIp"],),
        description=interface.description,
        security_groups=("default",),
        subnet_id=subnet,
        zone=zone,
        vpc_id=vpc,
    )


def test_only_the_configured_vpcs_are_looked_at(aws: AwsDouble) -> None:
    vpc, other = make_vpc(), make_vpc()
    ec2 = boto3.client("ec2")
    ours = ec2.create_network_interface(SubnetId=subnet_of(vpc), Description="ours")["NetworkInterface"]
    ec2.create_network_interface(SubnetId=subnet_of(other), Description="theirs")
    found = find(vpc)
    assert [(one.interface_id, one.name) for one in found.interfaces] == [(ours["NetworkInterfaceId"], "ours")]
    assert found.vpcs == (Vpc(vpc, "", ("10.0.0.0/16",)),)
    assert {"ours", "theirs"} <= {one.name for one in find().interfaces}


def test_interfaces_of_another_account_name_nothing(aws: AwsDouble) -> None:
    make_vpc()
    found = find(account_id="999999999999")
    assert (found.interfaces, found.vpcs) == ((), ())
    assert "The logs are of 999999999999 (FLOWLAKE_ACCOUNT_ID) and the caller's account is" in found.warnings[0]
    assert find(account_id="*").vpcs


def test_a_missing_permission_is_a_warning_with_the_statement(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = make_vpc()
    ec2 = boto3.client("ec2")
    ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=subnet_of(vpc))
    become(aws, monkeypatch, policy("iam-policy-names.json", without="ec2:DescribeInstances"))
    found = find(vpc)
    (interface,) = found.interfaces
    assert interface.name == interface.belongs_to  # the instance's id
    (warning,) = found.warnings
    assert "grant ec2:DescribeInstances to the caller" in warning
    assert warning.endswith(
        '(deploy/iam-policy-names.json): {"Sid": "Names", "Effect": "Allow", '
        '"Action": ["ec2:DescribeInstances"], "Resource": "*"}'
    )


@pytest.mark.parametrize("without", ["ec2:DescribeNetworkInterfaces", "ec2:DescribeVpcs"])
def test_what_is_not_denied_is_known(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    vpc = make_vpc()
    boto3.client("ec2").create_network_interface(SubnetId=subnet_of(vpc))
    become(aws, monkeypatch, policy("iam-policy-names.json", without=without))
    found = find(vpc)
    assert f"grant {without} " in found.warnings[0]
    assert (len(found.interfaces), len(found.vpcs)) == ((0, 1) if "Interfaces" in without else (1, 0))


def test_with_its_own_policy_names_are_kept(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = make_vpc()
    boto3.client("ec2").create_network_interface(SubnetId=subnet_of(vpc), Description="app")
    become(aws, monkeypatch, policy("iam-policy.json"), policy("iam-policy-names.json"))
    first = metadata(succeed(settings([vpc])), "network_interfaces")
    again = metadata(succeed(settings([vpc])), "network_interfaces")
    assert ("found" in first, first["changed"], again["changed"]) == (False, True, False)
    assert (first["interfaces"], first["interfaces with a name"], first["VPCs"]) == (1, 1, 1)
    assert first["snapshot"] == again["snapshot"]


def test_who_may_not_ask_for_subnets_knows_no_zones(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = make_vpc()
    boto3.client("ec2").create_network_interface(SubnetId=subnet_of(vpc), Description="app")
    become(aws, monkeypatch, policy("iam-policy-names.json", without="ec2:DescribeSubnets"))
    found = find(vpc)
    assert [(one.name, one.zone) for one in found.interfaces] == [("app", "")]
    assert "grant ec2:DescribeSubnets " in found.warnings[0]


def test_who_may_not_read_snapshots_keeps_what_is_there(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = make_vpc()
    succeed(settings([vpc]))
    without = policy("iam-policy-names.json", without="s3:GetObject")
    become(aws, monkeypatch, policy("iam-policy.json"), without)
    told = metadata(succeed(settings([vpc])), "network_interfaces")["found"]
    assert "The names of network interfaces are not kept. Access denied while reading" in told
    assert "grant s3:GetObject" in told


def test_without_its_policy_a_warning_is_all(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = make_vpc()
    become(aws, monkeypatch, policy("iam-policy.json"))
    told = metadata(succeed(settings([vpc])), "network_interfaces")["found"]
    assert "The names of network interfaces are not kept. Access denied while writing" in told
    assert "grant s3:PutObject" in told


# What AWS writes, and moto does not.


class Pages:
    """EC2's answers, in pages of one: `answers` has the items of each call."""

    def __init__(self, **answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, object]] = []

    def get_paginator(self, operation: str) -> "Paginator":
        return Paginator(self, operation)


class Paginator:
    def __init__(self, pages: Pages, operation: str) -> None:
        self.pages = pages
        self.operation = operation

    def paginate(self, Filters: list[Mapping[str, object]]) -> Iterator[dict[str, Any]]:  # noqa: N803
        self.pages.asked.append((self.operation, Filters))
        names = {"describe_network_interfaces": "NetworkInterfaces", "describe_instances": "Reservations"}
        answer = names.get(self.operation, self.operation.removeprefix("describe_").title())
        yield from ({answer: [item]} for item in self.pages.answers.get(answer, []))
        yield {answer: []}


def find_in(monkeypatch: pytest.MonkeyPatch, pages: Pages) -> FoundInterfaces:
    clients = AwsClients("eu-west-1")
    monkeypatch.setattr(clients, "client", lambda service, region: pages)
    return Ec2NetworkInterfaces(clients).find()


def interface(number: int, description: str = "", kind: str = "interface", **others: Any) -> dict[str, Any]:
    return {
        "NetworkInterfaceId": f"eni-{number}",
        "Description": description,
        "InterfaceType": kind,
        "VpcId": "vpc-1",
        "SubnetId": "subnet-1",
        "AvailabilityZoneId": "euw1-az1",
        "PrivateIpAddresses": [{"PrivateIpAddress": f"10.0.0.{number}", "Primary": True}],
        **others,
    }


OWNERS = [
    ("ELB app/my-web/50dc6c495c0c9188", "interface", "load balancer", "my-web", "load balancer my-web"),
    ("ELB net/my-net/50dc6c495c0c9188", "network_load_balancer", "load balancer", "my-net", "load balancer my-net"),
    ("ELB old", "interface", "load balancer", "old", "load balancer old"),
    ("Interface for NAT Gateway nat-0a1b", "nat_gateway", "NAT gateway", "nat-0a1b", "NAT gateway nat-0a1b"),
    ("VPC Endpoint Interface vpce-0a1b", "vpc_endpoint", "VPC endpoint", "vpce-0a1b", "VPC endpoint vpce-0a1b"),
    (
        "AWS Lambda VPC ENI-resize-9b3b1c2d-0000-4000-8000-0123456789ab",
        "lambda",
        "Lambda function",
        "resize",
        "Lambda function resize",
    ),
    ("EFS mount target for fs-0a1b (fsmt-0c2d)", "interface", "file system", "fs-0a1b", "file system fs-0a1b"),
    ("RDSNetworkInterface", "interface", "database", "RDS", "database RDS"),
    ("", "transit_gateway", "transit gateway", "", ""),
    ("made by hand", "interface", "interface", "", "made by hand"),
    ("=cmd()<script>", "interface", "interface", "", "=cmd()<script>"),
]


@pytest.mark.parametrize(("description", "kind", "owner_kind", "owner", "name"), OWNERS)
def test_a_services_interface_tells_whose_it_is(
    monkeypatch: pytest.MonkeyPatch, description: str, kind: str, owner_kind: str, owner: str, name: str
) -> None:
    (found,) = find_in(monkeypatch, Pages(NetworkInterfaces=[interface(1, description, kind)])).interfaces
    assert (found.kind, found.belongs_to, found.name) == (owner_kind, owner, name)


def test_an_interfaces_own_name_wins_over_its_description(monkeypatch: pytest.MonkeyPatch) -> None:
    tagged = interface(1, "ELB old", TagSet=[{"Key": "Name", "Value": "entrance"}])
    (found,) = find_in(monkeypatch, Pages(NetworkInterfaces=[tagged])).interfaces
    assert (found.name, found.belongs_to) == ("entrance", "old")


def test_all_pages_are_read_and_ids_are_asked_for_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [interface(n, Attachment={"InstanceId": f"i-{n:03}"}) for n in range(250)]
    reservations = [{"Instances": [{"InstanceId": "i-249", "Tags": [{"Key": "Name", "Value": "last"}]}]}]
    pages = Pages(NetworkInterfaces=items, Reservations=reservations)
    found = find_in(monkeypatch, pages)
    assert len(found.interfaces) == 250
    assert {one.name for one in found.interfaces if one.belongs_to == "i-249"} == {"last"}
    asked = [filters for operation, filters in pages.asked if operation == "describe_instances"]
    assert [len(filters[0]["Values"]) for filters in asked] == [200, 50]


def test_addresses_and_networks_of_ipv6_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = {
        "VpcId": "vpc-1",
        "CidrBlock": "10.0.0.0/16",
        "CidrBlockAssociationSet": [
            {"CidrBlock": "10.0.0.0/16", "CidrBlockState": {"State": "associated"}},
            {"CidrBlock": "10.1.0.0/16", "CidrBlockState": {"State": "disassociated"}},
            {"CidrBlock": "100.64.0.0/16", "CidrBlockState": {"State": "associated"}},
        ],
        "Ipv6CidrBlockAssociationSet": [
            {"Ipv6CidrBlock": "2001:db8:1::/56", "Ipv6CidrBlockState": {"State": "associated"}}
        ],
        "Tags": [{"Key": "Name", "Value": "main"}],
    }
    item = interface(1, Ipv6Addresses=[{"Ipv6Address": "2001:db8:1::2"}, {"Ipv6Address": "2001:db8:1::1"}])
    found = find_in(monkeypatch, Pages(NetworkInterfaces=[item], Vpcs=[vpc]))
    assert found.vpcs == (Vpc("vpc-1", "main", ("10.0.0.0/16", "100.64.0.0/16", "2001:db8:1::/56")),)
    assert found.interfaces[0].addresses == ("10.0.0.1", "2001:db8:1::1", "2001:db8:1::2")
