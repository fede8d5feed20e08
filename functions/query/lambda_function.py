"""What Lambda calls: the handler of the query function."""

from medical_data_pipeline.entrypoints.loading import loading

with loading():
    from medical_data_pipeline.entrypoints.late_models import models_built_when_used

    with models_built_when_used():
        from medical_data_pipeline.entrypoints.query_lambda import handler

__all__ = ["handler"]
