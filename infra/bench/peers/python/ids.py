"""Ids whose beginning is the time: UUIDs of version 7. Times as the API writes them."""

import os
import uuid
from datetime import UTC, datetime


def uuid7(millis):
    value = millis << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62))


def time_of(id):
    return int(id[:8] + id[9:13], 16)


def iso(millis):
    return datetime.fromtimestamp(millis / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{millis % 1000:03}Z"


def millis(text):
    return round(datetime.fromisoformat(text).timestamp() * 1000)
