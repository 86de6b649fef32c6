"""Archives, workbooks and parquet files: the text in a delivered container, in bounded memory, or a clear refusal."""
