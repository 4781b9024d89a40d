"""Secrets under data keys of KMS: AES-256-GCM, bound to organization, mode, kind and id. Data keys are kept for an hour."""

import base64
import os
import time
import uuid

import boto3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEPT_SECONDS = 3600
_kms = boto3.client("kms")
_sealing = {}
_opening = {}


def _counted(part):
    return len(part).to_bytes(2, "big") + part


def _associated(header, org, mode, kind, id):
    return header + uuid.UUID(org).bytes + _counted(mode.encode()) + _counted(kind.encode()) + uuid.UUID(id).bytes


def _data_key(kind):
    kept = _sealing.get(kind)
    if kept is None or kept[2] < time.time():
        key_id = os.environ["VAULT_KEY_ID"]
        answer = _kms.generate_data_key(KeyId=key_id, KeySpec="AES_256", EncryptionContext={"kind": kind})
        header = b"\x01" + _counted(answer["CiphertextBlob"]) + _counted(answer["KeyId"].encode())
        kept = _sealing[kind] = (AESGCM(answer["Plaintext"]), header, time.time() + KEPT_SECONDS)
    return kept[0], kept[1]


def seal(text, org, mode, kind, id):
    cipher, header = _data_key(kind)
    nonce = os.urandom(12)
    sealed = cipher.encrypt(nonce, text.encode(), _associated(header, org, mode, kind, id))
    return base64.urlsafe_b64encode(header + nonce + sealed).decode().rstrip("=")


def open_sealed(encoded, org, mode, kind, id):
    data = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    middle = 3 + int.from_bytes(data[1:3], "big")
    end = middle + 2 + int.from_bytes(data[middle : middle + 2], "big")
    header = data[:end]
    if header not in _opening:
        request = {"KeyId": data[middle + 2 : end].decode(), "CiphertextBlob": data[3:middle], "EncryptionContext": {"kind": kind}}
        _opening[header] = AESGCM(_kms.decrypt(**request)["Plaintext"])
    associated = _associated(header, org, mode, kind, id)
    return _opening[header].decrypt(data[end : end + 12], data[end + 12 :], associated).decode()
