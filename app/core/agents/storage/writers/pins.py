"""Pins a conversation in its store, beside its name, so that every device shows it first."""

import asyncio
from typing import Any

from sqlalchemy import JSON, Connection, Engine, column, select, table, update
from sqlalchemy.ext.asyncio import AsyncEngine

from ..proxies.proxy import inner_of
from ..readers.probe import sql_reader_of
from ..rows import with_pin
from ..sessions import AnySession


async def set_pin(db: Any, session: AnySession, at: int | None) -> None:
    """Pin a session that is stored, or not for None; raises what the store raises.

    The time of its last message stays, and what others write of it at the same time, in stores with
    SQL; others write the session as it was read.
    """
    inner = inner_of(db)
    if sql_reader_of(db) is None:
        session.session_data = with_pin(session.session_data, at)
        await db.upsert_session(session=session)
        return
    sessions = table(
        inner.session_table_name,
        *(column("session_id"), column("user_id"), column("session_data", JSON)),
        schema=getattr(inner, "db_schema", None),
    )
    mine = (
        sessions.c.session_id == session.session_id,
        sessions.c.user_id == session.user_id,
    )

    def change(connection: Connection) -> None:
        query = select(sessions.c.session_data).where(*mine).with_for_update()
        for (found,) in connection.execute(query).all():
            values = {"session_data": with_pin(found, at)}
            connection.execute(update(sessions).where(*mine).values(values))

    def begin(engine: Engine) -> None:
        with engine.begin() as connection:
            change(connection)

    engine = inner.db_engine  # type: ignore[union-attr]  # a store with SQL has one
    if isinstance(engine, AsyncEngine):
        async with engine.begin() as connection:
            await connection.run_sync(change)
    else:
        await asyncio.to_thread(begin, engine)
