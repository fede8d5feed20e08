"""What Lambda calls: the handler of the query function."""

from medical_data_pipeline.entrypoints.loading import loading, models_built_when_used

with loading(), models_built_when_used():
    from medical_data_pipeline.entrypoints.query_lambda import handler

__all__ = ["handler"]
