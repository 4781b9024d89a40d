// Secrets under data keys of KMS: AES-256-GCM, bound to organization, mode, kind and id. Data keys are kept for an hour.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DecryptCommand, GenerateDataKeyCommand, KMSClient } from '@aws-sdk/client-kms';

const KEPT_MS = 3_600_000;
const kms = new KMSClient({});
const sealing = new Map();
const opening = new Map();

const uuid = (id) => Buffer.from(id.replaceAll('-', ''), 'hex');

function counted(part) {
  const bytes = Buffer.from(part);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function associated(header, { org, mode, kind, id }) {
  return Buffer.concat([header, uuid(org), counted(mode), counted(kind), uuid(id)]);
}

async function dataKey(kind) {
  const kept = sealing.get(kind);
  if (kept && kept.until > Date.now()) return kept;
  const request = { KeyId: process.env.VAULT_KEY_ID, KeySpec: 'AES_256', EncryptionContext: { kind } };
  const { Plaintext, CiphertextBlob, KeyId } = await kms.send(new GenerateDataKeyCommand(request));
  const header = Buffer.concat([Buffer.from([1]), counted(CiphertextBlob), counted(KeyId)]);
  const key = { plaintext: Plaintext, header, until: Date.now() + KEPT_MS };
  sealing.set(kind, key);
  return key;
}

export async function seal(place, text) {
  const { plaintext, header } = await dataKey(place.kind);
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', plaintext, nonce).setAAD(associated(header, place));
  const sealed = [cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat([header, nonce, ...sealed]).toString('base64url');
}

export async function open(place, encoded) {
  const bytes = Buffer.from(encoded, 'base64url');
  const wrapped = bytes.subarray(3, 3 + bytes.readUInt16BE(1));
  const end = 3 + wrapped.length;
  const keyId = bytes.subarray(end + 2, end + 2 + bytes.readUInt16BE(end)).toString();
  const header = bytes.subarray(0, end + 2 + keyId.length);
  const name = header.toString('base64');
  if (!opening.has(name)) {
    const request = { KeyId: keyId, CiphertextBlob: wrapped, EncryptionContext: { kind: place.kind } };
    opening.set(name, (await kms.send(new DecryptCommand(request))).Plaintext);
  }
  const nonce = bytes.subarray(header.length, header.length + 12);
  const sealed = bytes.subarray(header.length + 12);
  const cipher = createDecipheriv('aes-256-gcm', opening.get(name), nonce).setAAD(associated(header, place)).setAuthTag(sealed.subarray(-16));
  return cipher.update(sealed.subarray(0, -16), undefined, 'utf8') + cipher.final('utf8');
}
