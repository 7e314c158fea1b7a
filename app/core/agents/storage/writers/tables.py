"""The tables of a new store in PostgreSQL, which are made in one call.

Agno asks for each table, column and index before and after it makes it: hundreds of calls, which
take minutes where the database is far away.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Self

from agno.db.postgres import AsyncPostgresDb
from sqlalchemy import Table, create_mock_engine, insert, text


class _Mock:
    """Stands for an engine, its connections and sessions: keeps the statements of definitions, and
    finds whatever it is asked for."""

    def __init__(self) -> None:
        self.script: list[str] = []
        self._engine = create_mock_engine("postgresql+asyncpg://", self._keep)
        self.dialect = self._engine.dialect

    def _keep(self, statement: Any, *_: Any, **__: Any) -> None:
        self.script.append(str(statement.compile(dialect=self.dialect)))

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Self]:
        yield self

    async def run_sync(self, call: Callable[..., Any], **fields: Any) -> Any:
        return call(self._engine, **fields)

    async def execute(self, *_: Any) -> Self:
        return self

    def scalar(self) -> int:
        return 1


class _Sketch(AsyncPostgresDb):
    """Agno's store as it would be with an empty schema: it writes down what it makes.

    Its tables are those of the store that it is made `of`.
    """

    @classmethod
    def of(cls, db: AsyncPostgresDb) -> Self:
        made = cls.__new__(cls)
        vars(made).update(vars(db))
        mock: Any = _Mock()
        made.mock = made.db_engine = mock
        made.async_session_factory = mock.begin
        made.versions = {}
        return made

    mock: _Mock
    versions: dict[str, str]

    async def table_exists(self, table_name: str) -> bool:
        return False

    async def _resolve_table(
        self, table_name: str, table_type: str, create_table_if_not_found: bool | None = False
    ) -> Table:
        table = await self._create_table(table_name, table_type)
        self._store_resolved_table(table_type, table_name, table)
        return table

    async def upsert_schema_version(self, table_name: str, version: str) -> None:
        self.versions[table_name] = version

    async def statements(self) -> list[str]:
        """The statements that make all tables, and note their versions."""
        await self._create_all_tables()  # type: ignore[no-untyped-call]
        table = await self._get_table("versions", create_table_if_not_found=True)
        now = datetime.now().astimezone().isoformat()
        rows = [
            {"table_name": name, "version": version, "created_at": now, "updated_at": now}
            for name, version in self.versions.items()
        ]
        noted = insert(table).values(rows) if table is not None and rows else None
        if noted is not None:
            made = noted.compile(dialect=self.mock.dialect, compile_kwargs={"literal_binds": True})
            self.mock.script.append(str(made))
        return self.mock.script


async def is_empty(db: AsyncPostgresDb) -> bool:
    """Whether there is nothing in the store's schema."""
    async with db.db_engine.connect() as connection:
        found = await connection.execute(
            text("SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace(:name) LIMIT 1"),
            {"name": db.db_schema},
        )
        return found.scalar() is None


async def create_tables(db: AsyncPostgresDb) -> None:
    """Make all tables of a store whose schema is empty; raises what PostgreSQL raises."""
    script = ";\n".join(await _Sketch.of(db).statements())
    async with db.db_engine.begin() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute(script)  # without arguments it is sent as it is
