"""The COPY of a CSV file into Postgres, with empty text and null apart.

dlt forces empty text to null. The CSV files quote all text, so Postgres can tell the two by itself. Importing this
module imports dlt.
"""

from __future__ import annotations

from typing import Any, Final

from dlt.common.storages.file_storage import FileStorage
from dlt.common.storages.load_package import ParsedLoadJobFileName
from dlt.destinations.impl.postgres.factory import postgres
from dlt.destinations.impl.postgres.postgres import PostgresClient, PostgresCsvCopyJob

_BLOCK: Final = 1 << 18


class CopyJob(PostgresCsvCopyJob):
    """Copies one file in one transaction."""

    def run(self) -> None:
        client = self._job_client.sql_client
        with FileStorage.open_zipsafe_ro(self._file_path, "rb") as file:
            names = file.readline().decode().strip().split(",")
            columns = ",".join(client.escape_column_name(name.strip('"'), quote=True) for name in names)
            table = client.make_qualified_table_name(self.load_table_name)
            with client.begin_transaction(), client.native_connection.cursor() as cursor:
                copy = f"COPY {table} ({columns}) FROM STDIN WITH (FORMAT CSV, NULL '', ENCODING 'UTF8')"
                cursor.copy_expert(copy, file, size=_BLOCK)


class Client(PostgresClient):
    """The client of dlt, with this COPY."""

    def create_load_job(self, table: Any, file_path: str, load_id: str, restore: bool = False) -> Any:
        if ParsedLoadJobFileName.parse(file_path).file_format == "csv":
            return CopyJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)


class CopyingPostgres(postgres):
    """The destination of dlt, with this COPY."""

    @property
    def client_class(self) -> type[Client]:
        return Client
