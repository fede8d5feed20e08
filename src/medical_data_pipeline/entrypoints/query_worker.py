"""Entry point of the child process that runs SQL; `DuckDbQueryEngine` starts it."""

from medical_data_pipeline.adapters.local.duckdb_sql.session import prepare
from medical_data_pipeline.adapters.local.duckdb_worker.worker import serve


def main() -> None:
    serve(prepare)


if __name__ == "__main__":
    main()
