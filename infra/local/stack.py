"""The CloudFormation stack in the local cloud: made or updated, waited for, read back."""

import io
import json
import time
import zipfile

import boto3
from botocore.client import Config
from botocore.exceptions import ClientError

SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
TIMEOUT = 180


class DeployFailed(Exception):
    """The stack did not come up; the text says which resource failed and why."""


class LocalCloud:
    def __init__(self, endpoint, region):
        self.endpoint, self.region = endpoint, region
        # The account's root there, also when it checks permissions (AUTH=true); of no value anywhere else.
        self.session = boto3.Session("test", "test", region_name=region)

    def client(self, service):
        return self.session.client(
            service,
            endpoint_url=self.endpoint,
            # No proxy for a loopback address, whatever the environment says.
            config=Config(proxies={}, s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
        )

    def make_bucket(self, bucket):
        s3 = self.client("s3")
        where = {} if self.region == "us-east-1" else {
            "CreateBucketConfiguration": {"LocationConstraint": self.region}}
        try:
            s3.create_bucket(Bucket=bucket, **where)
        except s3.exceptions.BucketAlreadyOwnedByYou:
            pass

    def put(self, bucket, key, body):
        self.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    def deploy(self, stack, template_url, parameters, say):
        cfn = self.client("cloudformation")
        request = {
            "StackName": stack,
            "TemplateURL": template_url,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
            "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        }
        seen = set()
        try:
            try:
                cfn.create_stack(**request)
            except cfn.exceptions.AlreadyExistsException:
                seen = {event["EventId"] for event in self._events(cfn, stack)}
                cfn.update_stack(**request)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise DeployFailed(f"the stack {stack} is refused: {error}") from error
        self._wait(cfn, stack, seen, say)

    def _events(self, cfn, stack):
        """Oldest first."""
        pages = cfn.get_paginator("describe_stack_events").paginate(StackName=stack)
        return [event for page in pages for event in page["StackEvents"]][::-1]

    def _wait(self, cfn, stack, seen, say):
        end, failed = time.monotonic() + TIMEOUT, []
        while True:
            found = cfn.describe_stacks(StackName=stack)["Stacks"][0]
            for event in self._events(cfn, stack):
                if event["EventId"] in seen:
                    continue
                seen.add(event["EventId"])
                status, kind, name = event["ResourceStatus"], event["ResourceType"], event["LogicalResourceId"]
                if status.endswith("_FAILED"):
                    failed.append(f"  {name} ({kind}): {event.get('ResourceStatusReason', 'no reason given')}")
                if status.endswith(("_COMPLETE", "_FAILED")):
                    say(f"{status.lower().replace('_', ' ')}: {name} ({kind})")
            status = found["StackStatus"]
            if status in SETTLED:
                return
            if not status.endswith("_IN_PROGRESS"):
                why = found.get("StackStatusReason")
                raise DeployFailed("\n".join([f"the stack {stack} ended as {status}", *([f"  {why}"] if why else []), *failed]))
            if time.monotonic() > end:
                raise DeployFailed(f"the stack {stack} is still {status} after {TIMEOUT} s")
            time.sleep(0.2)

    def outputs(self, stack):
        found = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        return {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}

    def physical_ids(self, stack, resource_type):
        """Logical to physical ids of the stack's resources of one type."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return {r["LogicalResourceId"]: r["PhysicalResourceId"]
                for page in pages for r in page["StackResourceSummaries"] if r["ResourceType"] == resource_type}

    def wait_until_active(self, names):
        lambdas, end = self.client("lambda"), time.monotonic() + 30
        for name in names:
            while True:
                found = lambdas.get_function_configuration(FunctionName=name)
                if found["State"] == "Active" and found.get("LastUpdateStatus", "Successful") == "Successful":
                    break
                if found["State"] == "Failed" or time.monotonic() > end:
                    raise DeployFailed(f"the function {name} is {found['State']}: {found.get('StateReason', '')}")
                time.sleep(0.1)


def zip_of(binary):
    """A function's zip: the binary as an executable `bootstrap`, stored as it is, because speed matters here and size does not."""
    entry = zipfile.ZipInfo("bootstrap")  # with a fixed time, so that the same binary makes the same zip
    entry.external_attr = 0o100755 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, binary)
    return buffer.getvalue()


def as_json(template):
    return json.dumps(template, separators=(",", ":"), default=str).encode()
