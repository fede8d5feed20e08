"""What Lambda calls: the handler of the query function."""

from medical_data_pipeline.entrypoints.cold_start import uncollected

with uncollected():
    from medical_data_pipeline.entrypoints.query_lambda import handler

__all__ = ["handler"]
