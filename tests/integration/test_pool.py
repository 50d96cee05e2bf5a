"""A pool's connections, and tasks that are cancelled while they wait for one."""

import asyncio

from thor import database


async def test_a_cancelled_wait_for_a_connection_ends_at_any_moment(database_url: str) -> None:
    pool = database.pool(database_url, "test", connections_max=2)
    ends: list[bool] = []
    async with pool:
        for step in range(400):
            asked = [asyncio.create_task(database.fetch(pool, "edition")) for _ in range(3)]
            # From before the first has a connection until after the last was answered.
            await asyncio.sleep(step % 40 * 0.0001)
            waiting = [task for task in asked if task.cancel()]
            await asyncio.wait(asked)
            ends += [task.cancelled() for task in waiting]
    assert ends
    assert all(ends)
