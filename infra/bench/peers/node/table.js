// The table: items in and out as plain objects.

import { createHash } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { DynamoDBClient, GetItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';

const OPTIONS = { removeUndefinedValues: true };

export const TableName = process.env.TABLE_NAME;
export const client = new DynamoDBClient({});
export const toItem = (object) => marshall(object, OPTIONS);
export const fromItem = (item) => unmarshall(item);

export async function get(pk, sk, ConsistentRead = false) {
  const { Item } = await client.send(new GetItemCommand({ TableName, Key: toItem({ pk, sk }), ConsistentRead }));
  return Item && unmarshall(Item);
}

// The items of a partition whose sort key begins so.
export async function query(pk, beginning, options = {}) {
  const { Items } = await client.send(
    new QueryCommand({
      TableName,
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sk)',
      ExpressionAttributeValues: toItem({ ':pk': pk, ':sk': beginning }),
      ...options,
    }),
  );
  return Items.map((item) => unmarshall(item));
}

export const sha256 = (text) => createHash('sha256').update(text).digest();
// Over which of sixteen partitions things are spread that are only asked for one by one.
export const bucket = (name) => sha256(name)[0] % 16;
export const pack = (text) => deflateRawSync(text);
export const unpack = (bytes) => inflateRawSync(bytes).toString();
