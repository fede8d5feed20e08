"""What Lambda calls: the handler of the conversion function."""

from medical_data_pipeline.entrypoints.loading import loading

with loading():
    from medical_data_pipeline.entrypoints.conversion_lambda import handler

__all__ = ["handler"]
