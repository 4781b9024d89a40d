"""Simulates the counter rows of one organization with 1,000 call events a second; its output stands in ADR 0015.

Batches of ten events arrive at random; one event in six ends a call, and a batch with at least one makes one
transaction on the organization's rows. Who meets another transaction on a row waits as `store::transaction::pause`
does and takes any of the eight rows instead of the first. Run: python3 infra/docs/hot_organization.py
"""

import heapq
import random

EVENTS_A_SECOND = 1_000
BATCH = 10
ENDS = 1 / 6
SECONDS = 20


def simulate(transaction_ms: float, rows: int) -> str:
    dice = random.Random(1)
    queue, time, number = [], 0.0, 0
    while time < SECONDS * 1_000:
        time += dice.expovariate(EVENTS_A_SECOND / BATCH / 1_000)
        if any(dice.random() < ENDS for _ in range(BATCH)):
            heapq.heappush(queue, (time, number, 1, 0))
            number += 1
    busy_until, units, tries, most = {}, {}, 0, 0
    while queue:
        time, number, attempt, row = heapq.heappop(queue)
        tries, most = tries + 1, max(most, attempt)
        units[row] = units.get(row, 0) + 2  # a refused try is paid for too
        if busy_until.get(row, 0) > time:
            pause = 10 * 2 ** min(attempt, 4)
            heapq.heappush(queue, (time + pause * (1 + dice.random()), number, attempt + 1, dice.randrange(rows)))
        else:
            busy_until[row] = time + transaction_ms
    a_second = [round(units[row] / SECONDS) for row in sorted(units)]
    return f"{transaction_ms:4} ms, {rows} rows: {tries / (number + 1):.2f} tries, at most {most}; write units a second {a_second}"


for transaction_ms in (5, 12, 25):
    print(simulate(transaction_ms, 8))
print(simulate(12, 1))
