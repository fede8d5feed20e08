"""What Lambda calls: the handler of the catalog function."""

from medical_data_pipeline.entrypoints.loading import loading

with loading():
    from medical_data_pipeline.entrypoints.catalog_lambda import handler

__all__ = ["handler"]
