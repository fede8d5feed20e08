"""What Glue runs for one large file: the conversion of one load."""

from medical_data_pipeline.entrypoints.spark_conversion import main

main()
