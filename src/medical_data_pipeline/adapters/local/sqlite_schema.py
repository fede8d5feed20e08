"""The versions of the ledger's database and of the catalog's."""

from medical_data_pipeline.adapters.local.sqlite_versions import Schema

LEDGER = Schema(
    "ledger",
    (
        """
        CREATE TABLE loads (
            arrival INTEGER PRIMARY KEY AUTOINCREMENT,
            load_id TEXT NOT NULL UNIQUE,
            table_name TEXT NOT NULL,
            bucket TEXT NOT NULL,
            key TEXT NOT NULL,
            version TEXT NOT NULL,
            sequencer TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            state TEXT NOT NULL,
            received_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            rows_read INTEGER NOT NULL,
            rows_loaded INTEGER NOT NULL,
            rows_quarantined INTEGER NOT NULL,
            reason TEXT NOT NULL,
            detail TEXT NOT NULL,
            attempts INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX loads_by_source ON loads (bucket, key);
        CREATE INDEX loads_by_table ON loads (table_name, arrival);
        CREATE INDEX loads_by_state ON loads (state, arrival);
        CREATE TABLE sequence (last_given INTEGER NOT NULL) STRICT;
        INSERT INTO sequence VALUES (0);
        """,
        """
        ALTER TABLE loads ADD COLUMN prefix TEXT NOT NULL DEFAULT '';
        """,
    ),
)

# PyIceberg makes the tables of the first version, if they are not there, before this is looked at.
CATALOG = Schema("catalog", ("",))
