"""A worker whose DuckDB is as it comes, for tests of the process and not of the dialect."""

from medical_data_pipeline.adapters.local.duckdb_worker.worker import serve

if __name__ == "__main__":
    serve(prepare=lambda connection: None)
