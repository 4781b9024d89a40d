"""The table: items in and out as plain dictionaries."""

import hashlib
import os
import zlib

import boto3
from botocore.config import Config

TABLE = os.environ["TABLE_NAME"]
client = boto3.client("dynamodb", config=Config(max_pool_connections=16))


def to_attribute(value):
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float)):
        return {"N": str(value)}
    if isinstance(value, bytes):
        return {"B": value}
    if isinstance(value, dict):
        return {"M": to_item(value)}
    raise TypeError(f"no attribute for {value!r}")


def to_item(fields):
    return {name: to_attribute(value) for name, value in fields.items() if value is not None}


def from_attribute(attribute):
    ((kind, value),) = attribute.items()
    if kind == "N":
        return float(value) if "." in value else int(value)
    if kind == "M":
        return from_item(value)
    if kind == "L":
        return [from_attribute(element) for element in value]
    return value


def from_item(item):
    return {name: from_attribute(attribute) for name, attribute in item.items()}


def get(pk, sk, consistent=False):
    answer = client.get_item(TableName=TABLE, Key=to_item({"pk": pk, "sk": sk}), ConsistentRead=consistent)
    return from_item(answer["Item"]) if "Item" in answer else None


def query(pk, beginning, **options):
    """The items of a partition whose sort key begins so."""
    answer = client.query(
        TableName=TABLE,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues=to_item({":pk": pk, ":sk": beginning}),
        **options,
    )
    return [from_item(item) for item in answer["Items"]]


def sha256(text):
    return hashlib.sha256(text.encode()).digest()


def bucket(name):
    """Over which of sixteen partitions things are spread that are only asked for one by one."""
    return sha256(name)[0] % 16


def pack(text):
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(text.encode()) + deflate.flush()


def unpack(data):
    return zlib.decompress(data, wbits=-15).decode()
